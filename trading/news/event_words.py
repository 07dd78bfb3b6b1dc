"""The words of each event class, and those that only look like one.

Each entry is a regular expression that must begin at a word's start and end at a word's end; letter case
is ignored unless the entry says otherwise.
"""
# ruff: noqa: E501 - a pattern is read in one piece

# What was not prevented did happen.
_FAILED = r"(?<!not )(?<!n't )(?<!n’t )(?<!cannot )(?<!failed to )(?<!fails to )(?<!fail to )(?<!unable to )"
# A denial ends where the reason for it is told ("blocks withdrawals after hack"), and where it is itself denied.
_REACH = (
    r"(?:(?!(?:after|as|amid|following|when|while|because|since|over|despite|but|until"
    r"|(?:prevent|stop|avoid|avert|block|thwart|foil)\w*)\b)[\w'’-]+ ){0,3}?"
)
_DENIALS = (
    _FAILED
    + r"(?:den(?:y|ies|ied|ying)|refut(?:e|es|ed|ing)|dispel(?:s|led)?|debunk(?:s|ed)?|rebuff(?:s|ed)?|dismiss(?:es|ed)?"
    r"|avoid(?:s|ed)?|avert(?:s|ed)?|escap(?:es|ed)|foil(?:s|ed)?|thwart(?:s|ed)?|prevent(?:s|ed)?|block(?:s|ed)?"
    r"|stop(?:s|ped)?|survives?|rul(?:es|ed|ing) out|no evidence of|no sign of|no plans? (?:to|for)|without(?! (?:warning|notice|explan|explain|consent|permission))(?: a| any)?"
    r"|never|(?:did|was|were|is|are|has|have|had|will|would|do|does|ca|wo|is|are|was|were|has|have)n['’]t"
    r"|(?:did|was|were|is|are|has|have|had|will|would|do|does|can)? ?not|cannot|no longer|not been)"
)
_GATED = (
    r"(?:de-?list\w*|hack\w*|exploit\w*|breach\w*|drain\w*|attacks?|rug[- ]?pull\w*|stolen|compromised|heist"
    r"|theft|halt\w*|suspen\w+|freez\w+|paus\w+|outage|insolven\w+|bankrupt\w*)"
)

# Order matters. "Delist" contains "list"; a hack that halts withdrawals is a hack; a regulator's word
# outranks a partnership. A headline gets the first class that matches.
RULES: dict[str, tuple[str, ...]] = {
    "delisting": (
        r"de-?list\w*",
        r"(?:removes?|removing|drops?|dropping) (?:[\w/]+ ){0,4}?(?:trading pairs?|spot pairs?|pairs?|privacy coins)",
        r"(?:cease|end|discontinue|terminate)s? (?:spot )?trading",
        r"trading (?:[\w/]+ ){0,3}?(?:will cease|ceases|to cease|will end|to end)",
        r"(?:drops?|ends?|ending) support for",
        r"disabl(?:e|es|ed|ing) (?:spot )?trading (?:for|of|in|on)",
        r"(?:remove|removes|removing) (?-i:[A-Z0-9]{2,10}/[A-Z]{3,5})",
        r"removal of (?:spot|trading|(?:[\w/]+ ){1,4}?(?:trading )?pairs)",
        r"(?:remove|removes|removed|drop|drops) (?:\w+ ){1,3}from (?:its )?(?:spot|trading|exchange|platform|listing)",
    ),
    "hack": (
        r"hack(?:s|ed|er|ers|ing)?",
        r"exploit(?:s|ed|er|ers)?",
        r"drain(?:s|ed|er|ers|ing)",
        r"stolen",
        r"(?:steals?|stole|swip(?:es?|ed)) (?:[\w,.]+ ){0,3}?(?:\$\s?[\d.,]+\w*|millions?|crypto\w*|funds?|tokens?|nfts?|bitcoin|ether|btc|eth)",
        r"(?:security|data|wallet|bridge|exchange|protocol|server)[- ]breach(?:ed)?",
        r"breach(?:ed)? (?:\w+ ){0,2}?(?:drains?|wallets?|losses)",
        r"rug[- ]?pull\w*",
        r"exit scam\w*",
        r"private keys? (?:leak\w*|compromis\w*)",
        r"compromised",
        r"(?:flash[- ]loan|oracle|reentrancy|re-entrancy|governance|51%|51 percent|bridge|replay) (?:attack|manipulation)s?",
        r"siphon\w*",
        r"heist",
        r"phishing",
        r"(?:makes?|made) off with",
        r"wallets? (?:emptied|drained)",
        r"security incident",
        r"loots?",
        r"looted",
        r"infinite mint\w*",
    ),
    "halt": (
        r"halt(?:s|ed|ing)?",
        r"suspend(?:s|ed|ing)?",
        r"suspension",
        r"paus(?:e|es|ed|ing) (?:[\w/]+ ){0,3}?(?:withdrawals?|deposits?|trading|redemptions?|transfers?|bridge|network|contracts?|operations|services?|lending|block)",
        r"(?:withdrawals?|deposits?|trading|redemptions?|network|mainnet|chain|bridge) (?:(?:of|in|for) \w+ )?(?:(?:is|are|was|were|temporarily) )?(?:paused|frozen|blocked|disabled)",
        r"blocks? (?:all )?(?:withdrawals?|deposits?|trading|redemptions?)",
        r"(?:freez(?:e|es|ing)|froze) (?:[\w/]+ ){0,3}?(?:withdrawals?|deposits?|trading|redemptions?|transfers?|customer|accounts)",
        r"outages?",
        r"goes (?:dark|down|offline)",
        r"went (?:dark|down|offline)",
        r"stops? (?:deposits|withdrawals|trading|producing|processing)",
        r"stopped (?:deposits|withdrawals|trading|producing|processing)",
        r"chain split",
        r"shut(?:s|ting)? down",
        r"insolven\w*",
        r"bankrupt\w*",
    ),
    "listing": (
        r"(?:to|will|now|officially|plans? to) list(?! of)",
        r"lists(?! of)",
        r"listed (?:on|with)",
        r"now listed",
        r"(?:new|spot|token|perpetual|futures|initial|upbit|bithumb|binance|coinbase|kraken|okx|bybit|kucoin|mexc|robinhood|exchange) listings?",
        r"listing (?:of|on|sends|lifts|boosts|news)",
        r"after listing",
        r"(?:opens?|opening|begins?|starts?|launch(?:es)?|enables?) (?:spot |futures |perpetual )?trading (?:for|of|in)",
        r"opens? for trading",
        r"goes live on (?:upbit|bithumb|binance|coinbase|kraken|okx|bybit|kucoin|mexc|robinhood)",
        r"debuts? on",
        r"launchpool",
        r"adds? (?:trading )?support for",
    ),
    "regulation": (
        r"(?-i:SEC)(?:['’]s)?",  # capitals only: "sec" is also a second
        r"cftc", r"(?-i:MiCA|MICA)", r"esma", r"finra", r"(?-i:FCA|BaFin|MAS|OFAC|IRS|FTC|OCC|FDIC|DOJ|FBI|CFPB)(?:['’]s)?", r"fincen",
        r"regulat\w+", r"lawsuits?", r"(?:sues?|sued|suing)", r"courts?", r"judges?", r"indict\w*", r"fines?", r"fined",
        r"penalt\w+", r"bans?", r"banned", r"bills?", r"senat(?:e|ors?)", r"congress\w*", r"lawmakers?", r"legislat\w+",
        r"sanction\w*", r"licen[cs]\w+", r"subpoena\w*", r"etfs? (?:approv\w+|reject\w+|filing|decision|application)",
        r"(?:approv|reject|delay)\w+ (?:[\w'’]+ ){0,4}?etfs?", r"complian\w+", r"crackdown",
        r"sentenced?", r"arrest(?:s|ed)?", r"detained", r"extradit\w+", r"pleads? (?:not )?guilty", r"guilty", r"convicted",
        r"(?:charges|charged) (?:\w+ ){1,6}?(?:with|over|in)", r"prosecut\w+", r"attorney general", r"executive order",
        r"(?:crypto|capital gains|transaction|income|\d+%) tax(?:es)?", r"(?:tax|stablecoin|crypto|aml) (?:laws?|rules?|forms?|act|framework)",
        r"money laundering", r"(?:retail )?crypto trading ban", r"legali[sz]\w+", r"(?:retail|licensed) crypto trading",
    ),
    "unlock": (
        r"(?:tokens?|[\d.,]+\s?(?:m|b|mn|bn|million|billion)?|cliff|vesting|supply|looming|major|massive|upcoming) unlocks?",
        r"unlocks? (?:loom\w*|near\w*|ahead|event|schedule|this week|next week)",
        r"unlock(?:s|ed|ing)?(?: of)? (?:\$?[\d.,]+\w*|tokens?)",
        r"vesting",
        r"(?:token|coin|supply|quarterly|auto|record|massive|\d+(?:st|nd|rd|th)) burns?",
        r"burn (?:rate|mechanism|event|proposal|program)",
        r"after burn",
        r"burn(?:s|ed|ing)? (?:\$?[\d.,]+\w*|tokens?|supply|millions|billions)",
        r"buy-?backs?",
    ),
    "partnership": (
        r"partner(?:s|ed|ship|ships|ing)?", r"team(?:s|ed|ing)? up", r"(?:signs?|inks?|inked|signed|strikes?) (?:\w+ ){0,3}?(?:deals?|pacts?|mou|agreements?)",
        r"collaborat\w+", r"integrat(?:es|ed|ion|ions)", r"join(?:s|ed)? forces", r"alliance", r"(?:taps|tapped) (?:\w+ ){1,3}?(?:to|for|as)",
    ),
    "macro": (
        r"(?-i:Fed|FED)(?:['’]s)?",  # capitals only: "fed up"
        r"federal reserve", r"fomc", r"powell(?:['’]s)?", r"ecb", r"boj", r"(?-i:CPI|PPI|PCE|GDP|DXY)", r"inflation\w*", r"interest[- ]rates?",
        r"rate[- ](?:cut|hike|decision|path|fears)s?", r"payrolls?", r"jobs (?:report|data)", r"jobless claims", r"unemployment", r"tariffs?",
        r"trade war", r"recession", r"(?:treasury |bond )?yields (?:rise|fall|climb|drop|jump|surge)", r"stimulus", r"geopolitic\w*",
        r"central banks?", r"bank of (?:england|japan|canada|korea)", r"debt ceiling", r"government shutdown", r"basis points", r"hawkish", r"dovish",
    ),
}  # fmt: skip

# What only looks like one of the above, taken out first; "hackathon" is kept apart by the word's end already.
HARMLESS: tuple[str, ...] = (
    rf"\b{_DENIALS} {_REACH}{_GATED}(?: (?:rumou?rs?|reports?|claims?|allegations?|fears?|attempts?))?",
    rf"\b{_GATED} (?:rumou?rs?|reports?|claims?|allegations?|fears) (?:\w+ ){{0,2}}?(?:denied|false|debunked|untrue|dismissed|unfounded|overblown)",
    r"\b(?:revers\w+|cancel\w*|scrap\w*|postpon\w+|delay\w*|overturn\w*) (?:[\w'’]+ ){0,3}?(?:de-?list\w*|suspension|halt|freeze)",
    r"\b(?:pull|cancel|scrap|delay|postpone|halt|reject)(?:s|ed|led|ped)? (?:[\w'’]+ ){0,3}?listings?\b",
    r"\b(?:resum\w+|restor\w+|reopen\w*|restart\w*|re-?enabl\w+|unfreez\w+|lift\w*) (?:[\w'’]+ ){0,6}?(?:after|following) (?:[\w'’-]+ ){0,3}?(?:halt\w*|suspension|freeze|pause|outage)",
    r"\b(?:ends?|ended|lifts?|lifted|recovers? from|back (?:online )?after) (?:[\w'’-]+ ){0,3}?(?:halt|suspension|freeze|outage)",
    rf"\b(?:false|fake|bogus) (?:reports?|rumou?rs?|claims?|news) (?:of|about) {_REACH}{_GATED}",
    rf"\bno {_GATED}\b",
    rf"\bbefore (?:it|they|anyone) could (?:be )?{_GATED}",
    r"\bethical hack\w*|\bgrowth hack\w*|\blife ?hack\w*",
    r"\bwhite[- ]?hat(?:s| hack\w*)?(?= (?:returns?|rewarded|bounty|program|saves|finds|rescues|reports))",
    r"\bwhite[- ]?hat hack\w*",
    r"\b(?:short|long|wait|watch|check|mailing|bucket|black|white|allow|block)[- ]?list\w*",
    r"\blists? of\b",
    r"\b(?:halt|stop|pause)s? (?:[\w'’-]+ ){0,2}?(?:decline|slide|losses|losing streak|rally|slump|rise|gains|advance|descent)",
    r"\b(?:rally|gains?|slide|decline|advance|rise|uptrend|downtrend)(?:['’]s)? (?:halts?|halted|pauses?|stalls?)",
    r"\b(?:suspend|paus|halt)\w* (?:[\w/]+ ){0,4}?(?:for|during) (?:scheduled |planned |routine )?(?:wallet |network |system )?(?:maintenance|upgrades?|hard forks?)",
    r"\btrading[- ]halt rules\b|\bcircuit breakers?\b",
    r"\bchain halting\b|\bpause button\b",
    r"\bunder[- ]?exploited\b|\bexploit(?:s|ing)? (?:the |an? )?(?:opportunit\w+|arbitrage|demand|trend|growth)",
    r"\bstolen the (?:show|spotlight)|\bsteals? the (?:show|spotlight)",
    r"\bfinest?\b|\bfine[- ]?(?:tun\w+|art|print|line|wine)",
    r"\bpartners? at\b|\b(?:general|managing|venture) partners?\b",
    r"\bcourt(?:s|ing|ed) (?:investors|users|developers|traders|retail|institutions)",
    r"\bbill (?:gates|ackman|miller|clinton|maher)|\bbillboards?",
    r"\bcompliance officer",
)

# The story's later chapters: the symbol was closed when it broke, and is not closed again by a trial.
AFTERMATH: tuple[str, ...] = (
    r"\b(?:hack\w*|exploit\w*|attack\w*|heist|theft|thie(?:f|ves)|phish\w*)\b.{0,60}\b(?:sentenced|arrest\w*|jailed|pleads?|pleaded|indict\w*|charged|extradit\w*|convicted|trial|prison|guilty)\b",
    r"\b(?:sentenced|arrest\w*|jailed|pleads?|pleaded|indict\w*|charged|charges|extradit\w*|convicted|trial|prison|guilty)\b.{0,60}\b(?:hack\w*|exploit\w*|attack\w*|heist|theft|thie(?:f|ves)|phish\w*)\b",
    r"\b(?:years?|months?|decade) (?:after|since|later|on from|ago)\b(?! (?:[\w'’]+ ){0,2}?(?:launch\w*|listing|debut|mainnet|founding))",
    r"\banniversary\b|\b(?:19|20)\d\d (?:[\w.]+ )?(?:hack|exploit|collapse|bankruptcy|halt|heist)\b",
    r"^(?:how|why|what|inside(?! job)|lessons)\b(?! .*\b(?:just|today|tonight|breaking)\b)",
    r"\b(?:how to|tips|guide|explained|lessons|report:|study|losses (?:from|to) (?:hacks|exploits|scams)|in (?:q[1-4]|20\d\d|first half|the first half))\b(?!:)",
)  # fmt: skip
