"""Every way in which a followed signal may differ from its backtest, declared; the rest is unknown."""

# word -> what it means. docs/reference/monitoring.md lists the same, a test compares them.
CAUSES: dict[str, str] = {
    "same": "no difference",
    "held_already": "the symbol was held from an earlier signal; the backtest holds it too, or the user did",
    "own_limit": "a limit of the user's own: positions, exposure, size, daily loss, lists, paused",
    "fleet_cap": "a cap over all users together, or the capacity that the approval was for",
    "halted": "a person's halt, a depeg or a guard kept entries out",
    "jump_guard": "the symbol was suspended: a jump that waits for a second look, or news",
    "canary": "a new strategy trades few users first",
    "exploration": "a rejected decision was drawn to be tried on paper; users with live money skip it",
    "account": "the user's key or account could not be used",
    "price_moved": "the ask was above the limit, or there was no quote, when the user's turn came",
    "not_listed": "the venue does not list the symbol, or not for the API",
    "refused": "the venue refused the order, or it was void before it left",
    "not_filled": "the order met no offer within its limit",
    "in_flight": "the order is not settled yet",
    "no_next_bar": "the lake holds no bar after the signal's: the backtest cannot enter",
    "no_volume": "the backtest enters no bar without volume",
    "open_above_limit": "the bar opened above the entry limit; the live price came back within the bar",
    "too_small_in_backtest": "the backtest's stake does not reach the venue's minimum",
    "entered_later_bar": "the entry was filled in a later bar: the set came late, or the user's turn",
    "price_paid": "levels follow the price paid: from the live entry the exit machine leaves alike",
    "before_entry": "the level was touched in the entry's bar, before the entry",
    "between_looks": "the level was touched, and not at a moment the engine looked; it left later",
    "late_exit": "a bar ended beyond the level and the engine sold in a later one: looks or orders were slow",
    "inside_one_bar": "stop and target lie in one bar, which does not tell which came first",
    "spread": "the bid crossed the level that the bar's trades just missed",
    "second_look": "a jump waits for a second look before a stop fires",
    "partial_fill": "sold in parts",
    "ordered": "sold by order of a person or an announcement: flatten, close all, delisting",
    "silence": "left because its exit signals had not been heard of for too long",
    "held_up": "the exit could not go on by itself",
    "engine_away": "the engine had stopped looking before that bar",
    "candles_end": "the lake's candles end before the exit",
    "slippage": "paid or got another price than the bar's mark plus the backtest's costs",
    "unknown": "none of these",
}

# rule of a skip -> cause. Rules of fleet caps begin with `fleet_`, those of guards with `protection_`.
_RULES: dict[str, str] = {
    "held": "held_already",
    **dict.fromkeys(
        ("max_positions", "max_exposure", "symbol_cost", "size", "daily_loss", "user_list", "paused",
         "no_capital", "frozen", "limit", "leave", "close_all"),
        "own_limit",
    ),
    "capacity": "fleet_cap",
    **dict.fromkeys(("halt", "depeg", "crosses_exit"), "halted"),
    "suspended": "jump_guard",
    "canary": "canary",
    "exploration": "exploration",
    **dict.fromkeys(("account", "account_frozen", "key", "consent", "live_off"), "account"),
    **dict.fromkeys(("price_moved", "no_quote", "limit_price"), "price_moved"),
    **dict.fromkeys(("not_listed", "not_tradable"), "not_listed"),
}  # fmt: skip
_PREFIXES = {"fleet_": "fleet_cap", "protection_": "halted"}
ORDERED = ("flatten", "close_all", "close_trade", "delisting")


def of_rule(rule: str) -> str:
    """Return the cause that a skip's rule stands for; `unknown` for a rule that nobody declared."""
    if rule in _RULES:
        return _RULES[rule]
    return next((cause for prefix, cause in _PREFIXES.items() if rule.startswith(prefix)), "unknown")
