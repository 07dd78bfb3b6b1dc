"""The part of the settings that bounds the fleet: `[risk]` in `sluice.toml`, or `SLUICE_RISK__…`.

Bounds, defaults and their meaning are those of the frozen dataclasses in `trading.risk`.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from trading.risk.canary import CanaryRules
from trading.risk.entering import EntryRules
from trading.risk.fleet import FleetRules
from trading.risk.guards import Guards
from trading.risk.peg import PegRules
from trading.risk.silence import SilenceRules

if TYPE_CHECKING:
    from trading.execution.settings import EngineSettings

_NONE = Guards()


class RiskConfig(BaseModel):
    """What the engine may do with all users together.

    Parameters
    ----------
    fleet : FleetRules
        Caps over all users.
    guards, fleet_guards : Guards
        The four protections, of each user and of the fleet.
    canary : CanaryRules
        How a new strategy begins.
    peg : PegRules
        When a dollar coin is off its peg.
    entries : EntryRules
        How an entry is bought, and priced again.
    silence : SilenceRules
        How long trades are held whose exit signals nobody speaks of. Travels with the signal set.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fleet: FleetRules = FleetRules()
    guards: Guards = _NONE
    fleet_guards: Guards = _NONE
    canary: CanaryRules = CanaryRules()
    peg: PegRules = PegRules()
    silence: SilenceRules = SilenceRules()
    entries: EntryRules = EntryRules()

    def engine_settings(self) -> "EngineSettings":
        """Return the engine's settings with these bounds."""
        from trading.execution.settings import EngineSettings
        from trading.market.orders import OrderType

        entries = self.entries
        return replace(
            EngineSettings(),
            fleet=self.fleet,
            guards=self.guards,
            fleet_guards=self.fleet_guards,
            canary=self.canary,
            peg=self.peg,
            entry_type=OrderType.LIMIT if entries.rests else OrderType.IOC,
            entry_at_bid=entries.at_bid,
            entry_timeout_market_s=entries.timeout_market_s,
            entry_reprices=entries.reprices,
            entry_reprice_after_market_s=entries.reprice_after_market_s,
        )
