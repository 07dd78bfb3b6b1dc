"""Names, units and meanings of a model's figures, the same for the terminal and the page."""

from interfaces.reports.wording import shown
from trading.learning.protocol.report import KindReport

# Figure -> (what it is called, its unit, what it means); in the order in which they are told.
FIGURES: dict[str, tuple[str, str, str]] = {
    "tested": ("Decisions tested", "count", "out of sample, over all folds"),
    "trades": ("Taken", "count", "decisions the model says yes to while the day has stakes left"),
    "missed": ("Missed", "count", "said yes to, no stake left"),
    "coverage": ("Share said yes to", "ratio", "of the decisions tested"),
    "total_return": ("Total return", "ratio", "of the capital, net of every cost"),
    "annual_return": ("A year", "ratio", "the same pace for 365 days"),
    "sharpe": ("Sharpe", "", "yearly, of daily returns"),
    "sharpe_low": ("Sharpe, low end", "", "95 % interval, blocks of days resampled"),
    "sharpe_high": ("Sharpe, high end", "", ""),
    "sortino": ("Sortino", "", "yearly"),
    "max_drawdown": ("Deepest drawdown", "ratio", "booked by the day of the decision"),
    "turnover_a_day": ("Turnover a day", "ratio", "of the capital, both sides"),
    "cost_share": ("Costs of gross gains", "ratio", "what fees, spread and slippage took"),
    "hit_rate": ("Won", "ratio", "of the decisions taken"),
    "profit_factor": ("Profit factor", "", "gains over losses"),
    "exposure": ("Capital in the market", "ratio", "mean of the days"),
    "mean_return": ("Mean trade", "ratio", "net"),
    "median_fold": ("Median fold", "ratio", "return of the middle fold"),
    "worst_fold": ("Worst fold", "ratio", ""),
    "break_even_bps": ("Break-even cost", "", "round trip in bps at which the mean trade earns nothing"),
    "auc": ("AUC", "", "share of (gain, loss) pairs ranked rightly"),
    "auc_error": ("AUC, standard error", "", "days as the sample"),
    "ic": ("IC a day", "", "correlation of probability and net return, mean of days"),
    "ic_t": ("IC, t", "", ""),
    "rank_ic": ("Rank IC a day", "", ""),
    "rank_ic_t": ("Rank IC, t", "", ""),
    "brier": ("Brier", "", "mean squared error of the probability"),
    "brier_base_rate": ("Brier of the base rate", "", "of always saying the training share of gains"),
    "log_loss": ("Log-loss", "", ""),
    "log_loss_base_rate": ("Log-loss of the base rate", "", ""),
    "calibration_error": ("Calibration error", "", "mean gap between said and seen (ECE)"),
    "calibration_floor": ("Of perfect probabilities", "", "the gap that chance makes with as many decisions"),
    "random_percentile": ("Random choices beaten", "ratio", "as many decisions on the same days"),
    "p_money": ("p, money", "", "that the mean day earns nothing"),
    "p_skill": ("p, skill", "", "that the choice is no better than the fold's mean decision"),
    "probabilistic_sharpe": ("PSR", "", "probability that the true Sharpe ratio is above 0"),
    "deflated_sharpe": ("DSR", "", "the same, given everything that was tried"),
    "trials": ("Independent trials", "", "what DSR is deflated by"),
    "overfitting": ("PBO", "", "chance that the best choice falls below the median on other days"),
    "effective_columns": ("Independent columns", "", "what PBO's columns are worth"),
    "minimum_track_days": ("Minimum track record", "", "days it takes to call this Sharpe above 0 at 95 %"),
    "lead": ("Lead a day", "bps", "over the champion, or over the plain rule"),
    "lead_low": ("Lead, lower bound", "bps", "paired, blocks of days resampled"),
    "stressed_return": ("At stressed cost", "ratio", "total return"),
    "seed_median_return": ("Median of the seeds", "ratio", "total return"),
    "shuffled_auc": ("AUC, shuffled folds", "", "the wrong test: neighbours of what is tested are learnt"),
    "purged_auc": ("AUC, purged folds", "", "the same model, nothing shared"),
    "leak_gap": ("Leak meter", "", "the difference"),
}


def told(value: float | None, unit: str) -> str:
    """Return a figure as text."""
    if value is None:
        return "–"
    if unit == "bps":
        return f"{1e4 * value:.1f} bps"
    if unit == "count":
        return f"{value:,.0f}"
    return shown(value, unit) if unit == "ratio" else f"{value:,.4g}"


def figures(one: KindReport) -> list[dict[str, str]]:
    """Return every figure as rows: name, value, meaning."""
    return [
        {"figure": name, "value": told(one.figures[key], unit), "meaning": meaning}
        for key, (name, unit, meaning) in FIGURES.items()
        if key in one.figures
    ]


def rule(name: str) -> str:
    """Return a rule's name with spaces."""
    return name.replace("_", " ")


def passed(value: bool | None) -> str:
    """Return a rule's verdict in a word."""
    return "not measured" if value is None else "passed" if value else "failed"
