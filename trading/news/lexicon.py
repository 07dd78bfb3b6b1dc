"""Market vocabulary on top of VADER's: what words mean in a headline about prices and coins.

Valence runs from -4 to 4 as in VADER. Written for this project from knowledge of how markets are
written about, before any score on a labelled set was seen.
"""

_GROUPS: tuple[tuple[float, str], ...] = (
    (3.0, "skyrocket skyrockets skyrocketed skyrocketing moon mooning alltimehigh"),
    (
        2.5,
        """
        soar soars soared soaring surge surges surged surging rally rallies rallied rallying boom booms
        booming breakout outperform outperforms outperformed bullish bull bulls
        """,
    ),
    (
        2.0,
        """
        jump jumps jumped jumping climb climbs climbed climbing rebound rebounds rebounded rebounding
        spike spikes upgrade upgrades upgraded upgrading recover recovers recovered recovery rise rises
        rising rose gain gained gains gaining upbeat record upside uptrend beat beats topped tops exceeds
        milestone approve approves approved approval accumulate accumulates accumulation inflow inflows
        adoption adopts
        """,
    ),
    (
        1.4,
        """
        up higher high grow grows growth grew expand expands expansion profit profits profitable list
        lists partnership partners integrates launch launches launched mainnet staking buyback buybacks
        halving advance advances advanced edges buy buys buying bought support supports backs backed
        raises raised unveils lift lifts lifted boost boosts boosted boosting ratecut overweight dividend
        hodl bottomed bottoms eyes greenlight greenlights greenlit dovish
        """,
    ),
    (
        -1.4,
        """
        down lower low dip dips dipped dipping slip slips slipped slipping ease eases eased weak weaker
        weakness cautious caution concern concerns concerned delay delays delayed outflow outflows sell
        sells selling sold unlock unlocks dilution volatile volatility uncertainty probe probes probed
        investigate investigates investigation underweight downgrade downgrades downgraded short shorts
        shorted ratehike hawkish resistance stall stalls stalled stagnant muted drag drags dragged cut
        cuts layoffs fud
        """,
    ),
    (
        -2.0,
        """
        fall falls fell falling drop drops dropped dropping decline declines declined declining slide
        slides slid sliding sink sinks sank sinking loss losses retreat retreats retreated pullback
        correction selloff dump dumps dumped dumping bearish bear bears lawsuit sues sued fine fined ban
        bans banned reject rejects rejected rejection halt halts halted suspend suspends suspended
        suspension outage downside downtrend miss misses missed warn warns warned warning liquidation
        liquidations liquidated default defaults slump slumps slumped underperform underperforms freeze
        freezes frozen depeg depegs depegged delist delists delisted delisting
        """,
    ),
    (
        -2.8,
        """
        plunge plunges plunged plunging tumble tumbles tumbled tumbling plummet plummets plummeted
        nosedive nosedives crash crashes crashed crashing collapse collapses collapsed collapsing meltdown
        bloodbath capitulation hack hacks hacked hacker hackers exploit exploits exploited drained breach
        breached stolen theft fraud fraudulent scam scams rugpull ponzi insolvent insolvency bankrupt
        bankruptcy indicted charged wipeout wiped alltimelow
        """,
    ),
    # Names of things in finance that VADER takes for feelings.
    (
        0.0,
        """
        share shares security securities interest trust trusts united credit bond bonds crude number
        natural energy treasury fund value chance play gold please alert fed straight stake stakes block
        blocks chain token tokens super gross like stable legal save saving savings
        """,
    ),
)
MARKET_WORDS: dict[str, float] = {word: value for value, words in _GROUPS for word in words.split()}

# Phrases that mean something else than their words; replaced by one word of the list above.
PHRASES: dict[str, str] = {
    r"all[- ]time high|record high|new high|ath": "alltimehigh",
    r"all[- ]time low|record low|new low": "alltimelow",
    r"rate cuts?|cuts? (?:interest )?rates?": "ratecut",
    r"rate hikes?|(?:hikes?|raises?) (?:interest )?rates?": "ratehike",
    r"rug[- ]?pull\w*": "rugpull",
    r"sell[- ]?offs?": "selloff",
    r"short squeeze": "breakout",
    r"cuts? (?:losses|costs|debt)": "recovery",
    r"narrows? loss(?:es)?|loss(?:es)? narrows?": "recovery",
    r"green light": "greenlight",
    r"dr(?:y|ies|ied) up": "declines",
}
