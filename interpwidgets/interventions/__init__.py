"""What to change in a run, as values of numpy and JSON; ``models`` applies them.

``Ablation`` takes heads out. The others change a site: ``Add``, ``ProjectOut``, ``Clamp``,
``SignFlip``, ``Ablate``, ``Patch``, each ``where`` it says; ``a + b`` makes both, in order.
"""

from interpwidgets.interventions.ablation import Ablation as Ablation
from interpwidgets.interventions.ablation import Control as Control
from interpwidgets.interventions.ablation import Effect as Effect
from interpwidgets.interventions.ablation import Head as Head
from interpwidgets.interventions.ablation import Mode as Mode
from interpwidgets.interventions.directed import Add as Add
from interpwidgets.interventions.directed import Clamp as Clamp
from interpwidgets.interventions.directed import ProjectOut as ProjectOut
from interpwidgets.interventions.directed import SignFlip as SignFlip
from interpwidgets.interventions.reading import from_json as from_json
from interpwidgets.interventions.replaced import Ablate as Ablate
from interpwidgets.interventions.replaced import Patch as Patch
from interpwidgets.interventions.value import Intervention as Intervention
from interpwidgets.interventions.value import Interventions as Interventions
from interpwidgets.interventions.value import parts_of as parts_of
from interpwidgets.interventions.where import Threshold as Threshold
from interpwidgets.interventions.where import Where as Where
