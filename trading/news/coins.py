"""Well-known coins and the names that headlines call them by. Any other coin comes from the market's listing.

One line per ticker: the names after it are told apart by commas. A name here is an alias for a listed
coin too: venues write "Ripple" or "XRP" as they like, headlines write both.
"""

from functools import cache

_COINS = """
BTC Bitcoin
ETH Ethereum, Ether
XRP Ripple, XRP Ledger
SOL Solana
BNB BNB Chain, Binance Coin, Binance Smart Chain
DOGE Dogecoin
ADA Cardano
TRX Tron
TON Toncoin, The Open Network
AVAX Avalanche
SHIB Shiba Inu
DOT Polkadot
LINK Chainlink
BCH Bitcoin Cash
BSV Bitcoin SV
NEAR NEAR Protocol
LTC Litecoin
MATIC Matic
POL Polygon
UNI Uniswap
ICP Internet Computer
PEPE Pepe
ETC Ethereum Classic
XLM Stellar, Stellar Lumens
XMR Monero
HBAR Hedera, Hedera Hashgraph
APT Aptos
FIL Filecoin
ATOM Cosmos, Cosmos Hub
ARB Arbitrum
VET VeChain
OP Optimism
MKR Maker, MakerDAO
INJ Injective, Injective Protocol
GRT The Graph
AAVE Aave
ALGO Algorand
RENDER Render, Render Network
STX Stacks
IMX Immutable, Immutable X
SUI Sui, Sui Network
SEI Sei, Sei Network
TIA Celestia
JUP Jupiter
PYTH Pyth, Pyth Network
WIF dogwifhat
BONK Bonk
FLOKI Floki, Floki Inu
RUNE THORChain
LDO Lido, Lido DAO, Lido Finance
QNT Quant, Quant Network
FTM Fantom
S Sonic, Sonic Labs
SAND The Sandbox
MANA Decentraland
AXS Axie Infinity
RON Ronin, Ronin Network
GALA Gala, Gala Games
CHZ Chiliz
ENS Ethereum Name Service
CRV Curve, Curve Finance, Curve DAO
COMP Compound, Compound Finance
SNX Synthetix
SUSHI SushiSwap
YFI Yearn, Yearn Finance
BAL Balancer
CAKE PancakeSwap
1INCH 1inch
DYDX dYdX
GMX GMX
PENDLE Pendle
ENA Ethena
EIGEN EigenLayer
ETHFI Ether.fi
JTO Jito
RAY Raydium
ORCA Orca
KAS Kaspa
XTZ Tezos
EOS EOS
THETA Theta, Theta Network
FLOW Flow
EGLD MultiversX, Elrond
KAVA Kava
ROSE Oasis, Oasis Network
ZEC Zcash
DASH Dash
NEO Neo
IOTA Iota
MINA Mina, Mina Protocol
CELO Celo
ONE Harmony
ZIL Zilliqa
HOT Holo
ENJ Enjin
BAT Basic Attention Token
ZRX 0x
KSM Kusama
WAVES Waves
AR Arweave
HNT Helium
GNO Gnosis
LRC Loopring
ANKR Ankr
OCEAN Ocean Protocol
FET Fetch.ai, Artificial Superintelligence Alliance
AGIX SingularityNET
TAO Bittensor
WLD Worldcoin
ID SPACE ID
BLUR Blur
LUNA Terra, Terra Luna
LUNC Terra Classic, Luna Classic
UST TerraUSD
USTC TerraClassicUSD
FTT FTX Token
CEL Celsius
CRO Cronos
OKB OKB
BGB Bitget Token
KCS KuCoin Token
LEO UNUS SED LEO
HT Huobi Token
HYPE Hyperliquid
TRUMP Official Trump
MELANIA Official Melania
FARTCOIN Fartcoin
POPCAT Popcat
BRETT Brett
MOG Mog Coin
TURBO Turbo
PENGU Pudgy Penguins
APE ApeCoin
PNUT Peanut the Squirrel
ORDI Ordi
SATS 1000SATS
STRK Starknet, StarkNet
ZK ZKsync, zkSync
ZRO LayerZero
W Wormhole
MANTA Manta, Manta Network
ALT AltLayer
DYM Dymension
METIS Metis
BLAST Blast
SCR Scroll
LINEA Linea
MNT Mantle
BERA Berachain
IP Story Protocol
MOVE Movement, Movement Labs
KAITO Kaito
VIRTUAL Virtuals Protocol
AIXBT aixbt
GRASS Grass
ONDO Ondo, Ondo Finance
OM Mantra
PAXG Pax Gold, PAX Gold
XAUT Tether Gold
USDT Tether
USDC USD Coin
DAI Dai
FDUSD First Digital USD
TUSD TrueUSD
BUSD Binance USD
PYUSD PayPal USD
USDE USDe
RLUSD Ripple USD
FRAX Frax, Frax Finance
WBTC Wrapped Bitcoin
STETH stETH
CFX Conflux
CKB Nervos, Nervos Network
FXS Frax Share
GAS Gas
JASMY JasmyCoin, Jasmy
KLAY Klaytn
KAIA Kaia
LPT Livepeer
MASK Mask Network
NEXO Nexo
OSMO Osmosis
QTUM Qtum
RVN Ravencoin
SC Siacoin
SUN Sun Token
SUPER SuperVerse
TRB Tellor
TWT Trust Wallet Token
UMA UMA
WOO WOO Network
XDC XDC Network
XEC eCash
XEM NEM
ZEN Horizen
API3 API3
BAND Band Protocol
BICO Biconomy
CVX Convex Finance
GLM Golem
ILV Illuvium
IOTX IoTeX
KNC Kyber Network, KyberSwap
MAGIC Treasure
ME Magic Eden
PERP Perpetual Protocol
REN Ren
RPL Rocket Pool
RSR Reserve Rights
SKL SKALE
SKY Sky Protocol
SPELL Spell Token
SSV SSV Network
STG Stargate Finance
STORJ Storj
SYN Synapse Protocol
T Threshold Network
WAXP WAX
ACH Alchemy Pay
AUDIO Audius
AXL Axelar
BTT BitTorrent
DCR Decred
DGB DigiByte
ICX ICON
LQTY Liquity
MOVR Moonriver
GLMR Moonbeam
NMR Numeraire
ONT Ontology
POLYX Polymesh
SNT Status Network
STEEM Steem
SYS Syscoin
XVG Verge Currency
XVS Venus Protocol
EUL Euler Finance
CVC Civic
BNT Bancor
MORPHO Morpho
PLUME Plume Network
WAL Walrus
AERO Aerodrome, Aerodrome Finance
ASTER Aster
PUMP Pump.fun
WLFI World Liberty Financial
XPL Plasma
SPX SPX6900
VVV Venice Token
"""


@cache
def well_known() -> dict[str, tuple[str, ...]]:
    """Return ticker -> names, most common coins first."""
    coins: dict[str, tuple[str, ...]] = {}
    for line in _COINS.strip().splitlines():
        ticker, _, names = line.partition(" ")
        coins[ticker] = tuple(name.strip() for name in names.split(","))
    return coins
