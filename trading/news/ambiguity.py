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
    NY NYSE OECD OP OTC PC PPI PR PVP RPC RWA SEC TVL UAE UK UN UP US USA USD VC VR XR WEB3
    """
)

# Project names that are everyday words. They count with a companion word after them, or capitalised
# anywhere but at the start of the headline.
NAMES = _words(
    """
    aave act alpha ape band bat beam bounce celestia chia compound core cosmos curve dash edge enjin
    flow fuel gas golem gnosis graph harmony helium hive horizon icon injective internet jupiter kava
    link loom magic maker mask merlin mina near neo ocean one optimism orbit orca polygon portal power
    prime pyth quant raydium ray render ripple safe scroll sei sky solar sonic space stacks star stellar
    storm story strike sun super synapse terra theta thorn threshold time toncoin tron trust uma vine
    virtual waves wax wormhole worldcoin zero zeta
    """
)
COMPANIONS = _words(
    """
    protocol network token tokens coin labs foundation finance chain blockchain dao ecosystem mainnet
    holders price usdt
    """
)

# Tickers known well enough to be written in small letters.
COMMON = _words("BTC ETH XRP SOL BNB DOGE ADA TRX LTC SHIB PEPE XLM AVAX HBAR BCH XMR")
