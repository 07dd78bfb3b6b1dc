"""Market and crypto vocabulary on top of VADER's: what words mean in a headline about prices and coins.

Valence runs from -4 to 4 as in VADER. Written for this project from knowledge of how markets are written
about. A verb marked ``~`` stands for its forms (surge~: surge, surges, surged, surging), ``~~`` doubles
its last letter (drop~~: dropped). Phrases that mean something else than their words: `phrases`.
"""

_GROUPS: tuple[tuple[float, str], ...] = (
    (3.0, "skyrocket~ moon moons mooned mooning parabolic alltimehigh"),
    (
        2.5,
        """
        soar~ surge~ rally~ boom~ breakout breakouts outperform~ bullish bull bulls roar~ rocket~ rip~~
        explode~ zoom~ uptrend goldencross moonshot comeback bullrun supercycle
        """,
    ),
    (
        2.0,
        """
        jump~ climb~ rebound~ bounce~ spike~ recover~ recovery rise rises rising rose risen gain~ upbeat
        upside beat beats exceed~ milestone approve~ approval approvals accumulate~ accumulation inflow
        inflows adopt~ adoption reclaim~ regain~ resume~ resumption restore~ win wins won winning victory
        acquit~ reliefnews unicorn doubles doubled triples tripled quadruples quadrupled tenfold highest
        breakthrough swell~ snowball~ ratecut pushpast surpass~ outpace~ overtake~ eclipse~ revive~
        revival turnaround tailwind tailwinds
        """,
    ),
    (
        1.4,
        """
        up higher high highs grow~ grew growth expand~ expansion profit profits profitable top~~ record
        list lists partnership partnerships partner~ integrate~ integration launch~ mainnet buyback
        buybacks advance~ buy buys buying bought purchase~ back~ unveil~ lift~ boost~ overweight dividend
        hodl bottomed bottoms greenlight dovish scoop~ stack~ hoard~ embrace~ legalize~ legalise~ debut~
        goeslive rollout accept~ acquire~ invest~ optimism optimistic momentum greed greedy resilient
        strengthen~ above reward~ secure~ tokenburn collaborate~ collaboration funding attract~ uptick
        upswing undervalued oversubscribed nod landmark lawpassed frenzy fomo procrypto
        """,
    ),
    (0.4, "record halving flips flipped"),
    (
        0.8,
        """
        support~ add~ join~ offer~ increase~ validation ramps ramped introduce~ enable~ allow~ eye~~~ deal
        deals investment investments licence license licensed pilot pilots explore~ airdrop airdrops green
        help~ easy oversold upgrade~ bet~~ pave~ streamline~ welcome~ tap~~ hire~ acquisition acquisitions
        raise~ demand reachlevel brings power~ leads leading draws pledge~ commits donate~ completes
        completed onboard~ mainstream institutional hype refund~ repay~ reimburse~ compensate~ premium
        relaunch~ push~ potential better best passes passed reopen~
        """,
    ),
    (
        -0.8,
        """
        below under resistance cool~ skeptic skeptical skepticism overbought exit~ retire~ unlock~
        disclose~ tax taxes taxed lag~~ leverage volatile volatility taxation strict question~ congestion
        congested disrupt~ disruption missing forced widen~ slow slows slowed slower slowdown choppy
        overvalued overheated retrace~
        """,
    ),
    (
        -1.4,
        """
        down lower low lows dip~~ slip~~ ease~ weak weaker weaken~ weakness cautious caution concern
        concerns concerned sell sells selling sold dilution uncertainty investigate~ investigation
        investigations probe~ underweight downgrade~ short shorts shorted ratehike hawkish stall~ stagnant
        muted drag~~ cut cuts fud brace~ loom~ fade~ jitters allege~ alleged allegations complaint
        scrutiny quit~~ resign~ red withdraw withdraws withdrew glitch~ bug bugs flaw flaws unload~
        offload~ tariff tariffs shed~~ erase~ wobble~ struggle~ plead~ backlash impersonate~ fizzle~
        trim~~ depress~ opposes restrict~ restriction restrictions blacklist~ prohibit~ curb~ tighten~
        scheme schemes lure~ unregistered terminate~ discontinue~ scrap~~ cancel~ ditch~ clogged stuck
        shrink~ dwindle~ languish~ lackluster lacklustre sluggish tepid bleak turbulence shaky downbeat
        overhang wary subdued soften~ feud~ flee flees fleeing fled slam~~ bash~ criticize~ criticise~
        """,
    ),
    (
        -2.0,
        """
        fall falls fell falling fallen drop~~ decline~ slide~ slid sink sinks sank sunk sinking loss
        losses lose loses lost losing retreat~ pullback correction selloff dump~ bearish bear bears
        lawsuit lawsuits sue~ fine fined fines penalty penalties ban~~ reject~ rejection halt~ suspend~
        suspension outage outages downside downtrend miss misses missed warn~ warning liquidation
        liquidations liquidate~ default~ slump~ underperform~ freeze freezes freezing froze frozen depeg~~
        delist~ outflow outflows bleed bleeds bled bleeding crackdown clampdown arrest~ detain~ jail~
        prison sentence~ convict~ accuse~ seize~ raid~ subpoena~ sanction~ layoff layoffs shutdown
        shutdowns impairment writedown vulnerability vulnerabilities vulnerable launder~ manipulate~
        manipulation woes stumble~ falter~ spook~ rattle~ delay~ postpone~ suffer~ downturn lowest slash~
        swipe~ bubble bust busted deathcross pressured deepen~ worst exposed evaporate~ flushed debacle
        fallout shuts profittaking cryptowinter headwinds instability outlaw~ illicit exodus downtime vanish~
        disappear~ backdoor leaked underwater margincall dive~ skid~~ turmoil crackdowns dupe~ robbery
        robbed violations
        """,
    ),
    (
        -2.8,
        """
        plunge~ tumble~ plummet~ nosedive~ crash~ collapse~ meltdown bloodbath carnage capitulate~
        capitulation hack~ hacker hackers exploit~ exploiter drain~ breach~ stolen steal~ theft fraud
        fraudulent scam~~ scammer scammers rugpull ponzi insolvent insolvency bankrupt bankruptcy indict~
        indictment charged charges wipeout wipeouts wiped alltimelow crater~ implode~ hemorrhage~ hammer~
        batter~ pummel~ rout contagion rekt wreck~ freefall tank~ malware ransomware phishing siphon~
        loot~ heist attacker attackers pumpanddump criminal criminals nuke~ terror evaporates spiral~
        compromised extort~ extortion blackmail~ fraudster fraudsters laundering rugpulls honeypot
        """,
    ),
    # Names of things in finance that VADER takes for feelings.
    (
        0.0,
        """
        share shares security securities interest trust trusts united credit bond bonds crude number
        natural energy treasury value chance play gold please alert fed straight stake stakes block blocks
        chain token tokens super gross like stable legal save saving savings smart asset assets
        intelligence free hard novel worth outstanding kind certain clear well limited pay pays paid
        paying payment solution solutions special active fresh ready popular important significant critics
        correct critic dear matter matters great greatest debt debtor debtors original denial hearing
        index fan fans party vision meta true ability trump dominance dominant engage proof difficulty
        luck longbets level pressure
        """,
    ),
)

_VOWELS = frozenset("aeiou")


def _forms(entry: str) -> list[str]:
    """Return the word, or the forms of a verb marked with tildes; ``~~~`` is a verb in -e that keeps it."""
    base, marks = entry.rstrip("~"), len(entry) - len(entry.rstrip("~"))
    if marks == 0:
        return [base]
    if base.endswith("e"):
        return [base, f"{base}s", f"{base}d", f"{base if marks == 3 else base[:-1]}ing"]
    if base.endswith("y") and base[-2] not in _VOWELS:
        return [base, f"{base[:-1]}ies", f"{base[:-1]}ied", f"{base}ing"]
    stem = base + base[-1] if marks == 2 else base
    plural = "es" if base.endswith(("s", "sh", "ch", "x", "z")) else "s"
    return [base, base + plural, f"{stem}ed", f"{stem}ing"]


MARKET_WORDS: dict[str, float] = {
    word: value for value, words in _GROUPS for entry in words.split() for word in _forms(entry)
}
