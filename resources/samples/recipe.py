"""The recipe: a plain page under a file name with quotes, a hash, spaces and letters beyond ASCII.

The text is ordinary on purpose; the name is what is odd, and `make.py` gives it.
"""

from __future__ import annotations

from typing import Final

from resources.samples.typeset import A5, finish, inset, single

RECIPE: Final = """
<h1>Walnut Ink</h1>
<p class="by">As it is made for the writing class</p>
<p>Gather two kilograms of green walnut husks in September, when they have begun to blacken. Wear
gloves, because the stain stays on the hands for three weeks and nothing removes it.</p>
<ol>
<li>Cover the husks with rainwater and leave them for ten days in a lidded bucket.</li>
<li>Boil them gently for four hours and let them cool overnight.</li>
<li>Strain the liquor through cloth, and boil it again until a third is left.</li>
<li>Stir in twenty grams of gum arabic and a spoonful of vinegar for each litre.</li>
</ol>
<p>The ink is a warm brown that does not fade in daylight and does not eat the paper, as iron ink
does. A litre lasts a class of twelve for a year. Kept in a cool place with a clove in the bottle,
it
grows no mould.</p>
"""


def recipe() -> bytes:
    """One page with a numbered list."""
    return finish(single(RECIPE, A5, inset(A5, 44)), "Walnut Ink")
