"""Tickers and names that are also everyday words: what needs more than the bare letters to be a coin."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# English words that are tickers. They count in capitals (outside an all-capitals headline), with a $,
# as a pair, or in parentheses.
WORDS = _words(
    """
    ACE ACT AGE AIR ALL ALICE ALPHA ANY APE ARC ARENA ARK ART ATOM AURA AWE BABY BAKE BAN BAND BANANA
    BAR BARD BAT BEAM BEAT BEL BICO BID BIG BIT BLAST BLUE BLUR BOB BOLD BOME BOND BONE BOOK BOOM BOX
    BRETT CAT CELL CHAIN CHESS CITY CLOUD CODE COOK CORE COW CREAM CROSS CULT CYBER DAR DASH DATA DEAL
    DEEP DEGO DENT DIA DOG DOGS DOOD DREAM DUSK EDEN EDGE EGG EPIC ERA EVERY FACT FAIR FARM FIDA FIGHT
    FIO FIRE FLOW FLUX FOLKS FORM FORTH FREE FUEL FUN FUND GALA GAME GAS GEM GIGA GLM GO GOAL GOAT GOLD
    GOOD GRASS GUN HAPPY HARD HEI HERO HIGH HIVE HOLD HOME HOOK HOP HOT HOUR ICE ICON IDEA INIT IRIS
    ISLAND JASMY JOE JUST KEEP KEY KID KITE LAB LADY LAND LAST LAYER LEVER LIFE LIGHT LIKE LINA LINE
    LINK LION LIT LOOK LOOM LOVE LUCK MAGIC MAIN MAN MANA MARS MASK MAY MEGA MELON MEME META METAL METIS
    MINA MIND MIX MOBILE MOM MOODENG MOON MORE MOVE MY NEAR NEIRO NEO NEST NEW NEXT NIGHT NOT NOW OLD OM
    ONE ONG ONLY OPEN ORBIT ORCA ORDER PARTI PAY PEN PEOPLE PERP PET PHA PIN PIXEL PLAY POND PORTAL
    POWER PRIME PROM PROMPT PUMP PUNDI QUICK RAD RARE RAY READY REAL RED REEF REN REQUEST RICE RING RISE
    ROAM ROSE RUNE SAFE SAGA SAND SCRATCH SEND SHELL SIGN SKY SLEEP SMART SNAP SOLAR SOLO SONG SONIC
    SOON SOUL SPACE SPELL STAR STEEM STEP STORM STORY SUN SUPER SURE SWARM SWEAT SWELL SYNTH TAG TAO
    TIME TON TOWN TRADE TREE TRUE TRUMP TRUST TURBO UNI VANA VELVET VIBE VINE VIRTUAL VISION WAVES WAX
    WAY WEN WHALE WHY WIN WING WISH WOO WORLD YEAR YOU ZERO ZETA ZONE
    """
)

# Abbreviations that headlines use in capitals for something else, and words too short to be sure of.
# They count only with a $ or as a pair.
ABBREVIATIONS = _words(
    """
    AI AMA AML API ATH ATM BOJ CBDC CEO CEX CFO CFTC CPI CTO DAO DEX DEFI DOJ ECB EPS ESG ETF ETP EU EUR
    FBI FCA FDIC FED FOMC FTC FX GBP GDP GPU ICO ID IMF IPO IRS IT JPY KYC LLM LP ML NASDAQ NBA NFL NFT
    NY NYSE OECD OP OTC PC PPI PR PVP RPC RWA SEC TVL UAE UK UN UP US USA USD VC VR XR WEB3 SC HT ME IP
    UST PE HR IV
    """
)

# Project names that are everyday words. They count with a companion word after them, or capitalised
# anywhere but at the start of the headline.
NAMES = _words(
    """
    act alpha ape aster avalanche balancer band bat beam bounce celsius chia civic compound core cosmos
    curve dash edge flow fuel gas gnosis golem graph grass harmony helium hive holo horizon icon
    internet iota jupiter linea link loom magic maker mantle mantra mask merlin mina movement near neo
    oasis ocean official one optimism orbit orca plasma plume polygon portal power prime quant ray
    render ripple safe scroll sei sky solar sonic space stacks star stellar storm story strike sun super
    synapse terra theta thorn threshold time treasure trust vine virtual walrus waves wax wormhole zero
    zeta
    """
)
# A name that is a word, before one of these, is the project: whatever else the word means.
COMPANIONS = _words(
    """
    protocol network token coin labs foundation finance chain blockchain dao ecosystem mainnet testnet
    holders subnet subnets usdt founder founders ceo airdrop memecoin cofounder developers validators
    stakers tvl
    """
)
# Names that are also goods or feelings: what moves or "wins" may well be the feeling.
THINGS = _words(
    "gas fuel optimism gold power trust time magic safe flow edge space dash one zero prime sky solar"
)
# What a project does, at the start of a headline: said of a name that is a word but no thing of the above.
DEEDS = _words(
    """
    partners launches unveils wins leads rolls integrates announces proposes proposal rebrand rebrands
    surges jumps rallies plunges soars slides tumbles climbs drops falls rebounds gains crashes hacked
    exploited bridge price unlock upgrade joins raises expands adds teams completes delays delisted
    lists
    """
)

# Capitals that stress a word rather than name a coin ("NEW:", "NOT a drill"): they need the coin's own
# company next to them.
STRESSED = _words(
    """
    ALL ANY BAN BIG EVERY FREE GO GOOD HARD HIGH HOLD HOT JUST KEEP LAST LIKE LOOK MAIN MAY MORE MY NEW
    NEXT NOT NOW OLD ONLY OPEN ORDER QUICK READY REAL RED RISE SEND SMART SOON SURE TIME TRADE TRUE WHY
    WIN YEAR YOU WAY FUN PEOPLE WORLD HAPPY LOVE DEAL BOOK FIGHT
    """
)
# A coin's company: something that happens to coins, said anywhere in the headline.
CONTEXT = (
    r"%|\b(?:tokens?|coins?|altcoins?|crypto\w*|cryptocurrenc\w+|blockchain|defi|usdt|usdc|etfs?|memecoins?|airdrops?|unlocks?"
    r"|stak\w+|mainnet|testnet|holders?|whales?|wallets?|bulls?|bears?|bullish|bearish|price[sd]?|trad\w+|list(?:s|ed|ing)?|delist\w*|pairs?"
    r"|rall\w+|surg\w+|jump\w*|gain\w*|climb\w*|soar\w*|rise[sn]?|ros[e]|fall\w*|fell|drop\w*|plung\w+|tumbl\w+|slid\w*|crash\w*"
    r"|slip\w*|dip\w*|rebound\w*|break(?:s|out)|hit(?:s|ting)?|highs?|lows?|hack\w*|exploit\w*|burn\w*|support|resistance|dao|network|protocol"
    r"|short(?:s|ed)?|long(?:s)?|volume|market|integration|upgrade)\b|\$"
)
# Abbreviations that are a coin when "token" or "coin" follows; "AI token" stays a kind of token.
TOKENS = _words("OP ID ME IP HT SC")
# DOGE is also a department.
DEPARTMENT = (
    r"\b(?:department|federal|agency|agencies|government|employees|staffers|spending|grants|contracts)\b"
)

# Tickers known well enough to be written in small letters.
COMMON = _words("BTC ETH XRP SOL BNB DOGE ADA TRX LTC SHIB PEPE XLM AVAX HBAR BCH XMR")
