"""Phrases of market headlines that mean something else than their words, each stood for by one word.

The words on the right are in `lexicon.MARKET_WORDS`, or are there with valence 0 ("denial", "index").
Order matters: what is rewritten first is gone for those after it.
"""
# ruff: noqa: E501 - a pattern is read in one piece

_BAD = (
    r"(?:bans?|lawsuits?|suits?|case|charges|probe|investigation|inquiry|hacks?|attacks?|exploits?|crackdown"
    r"|sanctions?|defaults?|delistings?|bankruptcy|suspensions?|restrictions?|crash|crisis|penalt(?:y|ies)"
    r"|fines?|collapse|shutdown|recession|outages?|freeze|scams?|rug ?pulls?|tax(?:es)?|appeal|losses)"
)
_DENIED = (
    r"(?:rumou?rs?|reports?|claims?|allegations?|accusations?|speculation|hack(?:s|ed|ing)?|hacked|exploit(?:s|ed)?"
    r"|breach(?:ed)?|insolven\w+|bankruptcy|wrongdoing|fraud|delisting|delisted|halt(?:s|ed)?|manipulation)"
)

PHRASES: tuple[tuple[str, str], ...] = (
    # things denied, and bad things ended or kept away
    (
        (rf"(?:den(?:y|ies|ied|ying)|refut(?:es?|ed)|dispels?|debunks?|debunked|rebuffs?|dismiss(?:es)?|no sign of"
        rf"|no evidence of) (?:[\w'’-]+ ){{0,3}}?{_DENIED}(?: (?:rumou?rs?|reports?|claims?|allegations?))?"),
        "denial",
    ),
    (
        (rf"(?:lift|end|overturn|revers|scrap|repeal|drop|dismiss|toss|withdraw|avert|avoid|dodg|prevent|foil"
        rf"|thwart|escap|beat|clos|surviv|eas|unban|relax|settl)(?:e|s|es|ed|ped|ing|ping)?(?: out| off)? "
        rf"(?:[\w'’.-]+ ){{0,4}}?{_BAD}"),
        "reliefnews",
    ),
    (rf"{_BAD} (?:was |were |is |are )?(?:dropped|dismissed|lifted|averted|overturned|thrown out|tossed|ends?)", "reliefnews"),
    (r"(?:reject|deni|dismiss|rul)\w* (?:in favou?r of|(?:the )?(?:sec|doj|cftc|regulator)(?:'s|’s)?)", "reliefnews"),
    (r"wins? (?:[\w'’-]+ ){0,4}(?:against|over) (?:the )?(?:sec|doj|cftc|irs)", "victory"),
    (r"(?:is|are|was) (?:not|no)(?: an?)? (?:unregistered )?secur\w+", "reliefnews"),
    (
        (r"(?:recover|return|refund|reimburs|retriev|repa)\w* (?:[\w$'’.,-]+ ){0,6}?(?:stolen|hacked|exploited|lost|victims)"
        r"(?: (?:funds|crypto|assets|protocol|users))?"),
        "reliefnews",
    ),
    (
        r"(?:not|never|[a-z]+n['’]t) (?:be |been )?(?:delisted|hacked|exploited|affected|compromised|breached|insolvent)",
        "denial",
    ),
    (r"reverses? (?:decision|course)", "denial"),
    (r"walks? away|pulls? (?:out|back|the plug)|calls? off", "rejects"),
    (r"fail(?:s|ed|ing)? to (?:\w+)", "fails"),
    (r"dash(?:es|ed|ing)? hopes?|loses? steam|runs? out of steam", "slump"),
    (r"no longer", "not"),
    # what falls when things go well, and the reverse
    (r"(?:exchange|binance|coinbase) (?:\w+ )?(?:reserves?|balances?|supply) (?:falls?|fell|drops?|declines?|hits? \w+[- ]\w+ low|shrinks?|plunges?)(?: to (?:[\w-]+ ){0,2}lows?)?", "accumulation"),
    (r"(?:leav|left|withdrawn from|outflows? from|off)\w* (?:centrali[sz]ed |crypto )?exchanges?|exchange outflows?", "accumulation"),
    (r"(?:exchange inflows?|inflows? (?:in)?to exchanges?|(?:mov|send|transfer|deposit|sent)\w* (?:[\w$.,]+ ){1,6}to (?:\w+ )?exchanges?)", "selling"),
    (r"short(?:s|[- ]sellers?)? (?:\w+ ){0,3}?(?:squeez\w+|liquidat\w+|wrecked|rekt|wiped out|burned|crushed)", "breakout"),
    (r"(?:liquidat\w+|squeez\w+|wip\w+ out|crush\w*|burn\w*|punish\w*) (?:[\w$.,]+ ){0,4}?(?:shorts?|bears)(?: (?:sellers?|positions?|bets))?", "breakout"),
    (r"(?:short )?squeeze(?: wipes? out)?", "breakout"),
    (r"long (?:positions?|bets?)|longs", "longbets"),
    (r"(?:erase|recoup|recover|pare|trim|narrow|cut|shrug off|snap|end|halt|break)(?:s|d|ed|ing|s off)? (?:[\w-]+ ){0,3}?(?:loss(?:es)?|los(?:ing|s) streak|slide|slump|decline|downtrend|debt|costs|rout)", "recovery"),
    (r"loss(?:es)? narrows?|discount narrows?|narrows? discount", "recovery"),
    (r"(?:erase|pare|trim|lose|surrender|reverse|wip(?:e|es|ed|ing) out|giv(?:e|es|ing) up|gave up|give)(?:s|d|ed|ing)? (?:\w+ ){0,2}?gains|gains (?:evaporate|vanish|fade)\w*", "slump"),
    (r"(?:snap|end|break|halt)(?:s|ed|ing)? (?:[\w-]+ ){0,3}?(?:winning streak|rally|uptrend|gains|bull run)", "slump"),
    (r"los(?:ing|s) streak", "losses"),
    (r"winning streak", "gains"),
    (r"discount widens?|widens? discount", "slump"),
    (r"(?:outflows?|selling|losses|liquidations|sell[- ]?off) (?:slows?|eases?|stops?|subsides?|dr(?:y|ies) up)", "recovery"),
    (r"(?:inflows?|demand|volumes?|funding|momentum|interest|liquidity) (?:slows?|eases?|stops?|subsides?|fades?|wanes?|dr(?:y|ies|ied) up|cools?)", "declines"),
    (r"etfs?: -\$[\d.,]+\w*|flows? turns? negative", "outflows"),
    (r"etfs?: \+\$[\d.,]+\w*|flows? turns? positive", "inflows"),
    (r"fears? (?:mounts?|grows?|spreads?|returns?|rises?)|turn(?:s|ing|ed)? off", "spooked"),
    (r"under (?:development|construction|review|way)|in view", "index"),
    (r"(?:gas |transaction |network )?fees? (?:fall|fell|drop|hit|sink|slide|plunge|decline|tumble)\w*(?: to| an?)? ?(?:[\w-]+ )?(?:all[- ]time )?lows?|(?:gas |transaction |network )?fees? (?:fall|fell|drop|sink|slide|plunge|decline|tumble)\w*", "recovery"),
    (r"(?:break|broke|clear|smash|flip)\w* (?:[\w$.,]+ ){0,3}?resistance", "pushpast"),
    # prices
    (r"all[- ]time[- ]high|record[- ]high|(?:new|fresh|yearly|\w+[- ](?:year|month|week)) (?:high|peak|record)s?|ath|price discovery", "alltimehigh"),
    (r"all[- ]time[- ]low|record[- ]low|(?:new|fresh|yearly|\w+[- ](?:year|month|week)) lows?", "alltimelow"),
    (r"(?:push|break|blast|blow|power|storm|race|march|burst|smash|cruise|zoom|fl)\w* (?:past|above|through|over|beyond)", "pushpast"),
    (r"(?:break|dip|trad|fall|drop|slip|slid|sink|plung|tumbl|crash)\w* (?:back )?(?:below|under|beneath|through)(?: (?:its |key |crucial |major |critical )*supports?)?", "falls"),
    (r"(?:los\w+|breaks?|broke) (?:\w+ )?(?:key )?support", "falls"),
    (r"(?:key|strong|crucial|critical|major|psychological) (?:support|resistance)|(?:support|resistance) (?:level|zone|area)s?|bounces? off (?:\w+ )?support", "level"),
    (r"support (?=fails|breaks|cracks|gives)", "level "),
    (r"death cross", "deathcross"),
    (r"golden cross", "goldencross"),
    (r"(?:head\w*|go\w*|fall\w*|crash\w*) to (?:zero|0)\b", "crash"),
    (r"to the moon|(?:go\w*|head\w*) (?:to|for) \$1 million", "moon"),
    (r"fear (?:and|&) greed index|fear (?:and|&) greed", "index"),
    (r"(?:piles?|piling|piled|pours?|poured|pouring|flock\w*|rush\w*|flow\w*) (?:back )?into", "inflows"),
    (r"(?:piles?|piling|piled|pulls?|pulling|flee\w*|fled|bail\w*|exit\w*) (?:back )?(?:out of|from)", "outflows"),
    (r"buy(?:s|ing)? the dip|bought the dip", "accumulates"),
    (r"on fire|on a tear|in full swing|back to life", "bullish"),
    (r"in (?:the )?red\b", "falls"),
    (r"in (?:the )?green\b", "rises"),
    (r"under pressure|in control", "pressure"),
    (r"cash(?:es|ed|ing)? out", "selling"),
    (r"profit[- ]taking|takes? profits?", "profittaking"),
    (r"pump[- ]and[- ]dumps?|wash trading|insider trading", "pumpanddump"),
    (r"crypto winter|bear market", "cryptowinter"),
    (r"bull (?:market|run)", "bullish"),
    (r"sell[- ]?offs?", "selloff"),
    (r"sell[- ]the[- ]news", "selloff"),
    (r"sell[- ]pressure|selling pressure", "selling"),
    (r"la(?:ys?|id|ying) off|job cuts|cuts? (?:[\w%]+ )+(?:jobs|staff|workforce)|steps? down|winds? down", "layoffs"),
    (r"(?:shuts?|shut|shutting) (?:down|shop)|closes? (?:its )?doors|ceas(?:e|es|ing) operations", "shutdown"),
    (r"wip(?:es?|ed|ing) out|wiped? off", "wipeout"),
    (r"rug[- ]?pull\w*|rugged", "rugpull"),
    (r"de-?peg\w*|los(?:es?|ing|t) (?:[\w$]+ ){0,3}?peg", "depegs"),
    (r"de-?list\w*", "delisted"),
    (r"wells notice", "lawsuit"),
    (r"white[- ]?hats?", "reward"),
    (r"exit scams?", "rugpull"),
    (r"margin calls?", "margincall"),
    (r"(?:crack|clamp)(?:s|ed|ing)? down", "crackdown"),
    (r"nobody wants|no one wants", "bearish"),
    (r"(?:wak|woke|set|back|show|follow|start|sign|speak|spoke|look|catch|caught|open|team|step|link|end|clear)\w* up", "index"),
    (r"(?:hits|touches|reaches|nears|tests|hit|reached|touched|crosses|crossed) (?=\$\d)", "reachlevel "),
    # rules and rates
    (r"(?:pass|advanc|sign|clear|approv|enact)\w* (?:[\w'’-]+ ){0,4}?(?:bill|act|legislation|law|framework)\b(?: into law)?", "lawpassed"),
    (r"(?:pro[- ]crypto|crypto[- ]friendly|pro[- ]bitcoin|bitcoin[- ]friendly)", "procrypto"),
    (r"rate cuts?|cuts? (?:interest )?rates?|(?:inflation|cpi) (?:cools?|eases?|slows?|falls?|drops?)|(?:soft\w*|cool\w*|lower)[- ]than[- ]expected (?:inflation|cpi)(?: data| print)?|(?:soft|cool) (?:inflation|cpi)", "ratecut"),
    (r"rate hikes?|(?:hikes?|raises?|lifts?) (?:interest )?rates?|(?:hot|hotter|high\w*)(?:[- ]than[- ]expected)? (?:inflation|cpi)|(?:inflation|cpi) (?:rises?|jumps?|surges?|accelerates?|heats?)\b", "ratehike"),
    (r"green[- ]?lights?|greenlit|thumbs up|gets? (?:the )?(?:nod|go-ahead)|gives? (?:the )?(?:nod|go-ahead)", "greenlight"),
    (r"(?:open|opens|opening|opened) the door", "allows"),
    (r"token burns?|coin burns?|quarterly burn|burns? (?=[\d$])", "tokenburn "),
    (r"goes live|went live|going live|is live|now live|live on", "goeslive"),
    (r"roll(?:s|ed|ing)? out", "rollout"),
    (r"joins forces|team(?:s|ed|ing)? up", "partners"),
    (r"proof[- ]of[- ]reserves?|hard fork|smart contracts?|fair value|bear\w* (?:with|in mind)|stop[- ]loss", "index"),
    (r"open interest|short[- ]term|long[- ]term|selling point|down payment|buy(?:er|ing) guide|anti-\w+ \w+", "index"),
    (r"bull(?:s)? and bears?|bulls? (?:vs\.?|versus) bears?|ups and downs|winners and losers|gainers and losers", "index"),
)  # fmt: skip

# A text that explains, lists or asks says little about where a price goes.
EXPLAINS = (
    r"\?\s*$|^(?:how|what|why|when|where|who|which|is|are|can|could|will|should|does|do|did)\b"
    r"|price (?:analysis|prediction)|predictions? for|\b(?:guide|explained|explainer|recap|roundup|round-up|podcast|webinar|interview"
    r"|newsletter|opinion|op-ed|briefing|everything you need|need to know|things to|here(?:'|’)?s|here are|charts? (?:to|bitcoin|traders)"
    r"|watch(?: this week)?$|this week in|vs\.?|versus|eligible|faq|101|first mover|market wrap|weekly (?:recap|review|wrap|report|brief)|recap|outlook)\b"
)
