"""Makes IDs and SKUs from what a file has instead."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence

from order_system.batches.files.columns import NumberedRow
from order_system.domain.ids import is_order_id
from order_system.domain.order_profile import Profile

_SEPARATORS = " -/,.()'&:|_\""
"""Signs between the words of a product's name. Any other sign tells products apart: S10 and S10+."""
CUT_SHORT = re.compile(r"(?:[0-9](?:[.,][0-9]+[Ee]\+?|[Ee]\+)[0-9]{1,3}|[0-9]+\.0)")
"""`4.00638E+12`: what a spreadsheet leaves of a barcode. `83702.0`: what a program makes of a postal code. An
ID stays like that, and is refused."""


_AS_TYPED = {
    **{char: char - 0xFEE0 for char in range(0xFF01, 0xFF5F)},  # full-width letters, digits and signs
    **dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-"),
    **dict.fromkeys((0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, 0xFEFF)),  # not to be seen
}
"""What looks like an ID on one row and is it on the next: without this, half of an order would be run."""


def tidied_id(text: str, profile: Profile) -> str:
    """Return the ID as the profile writes IDs: `#1002/A` as shopA-1002-A. A blank text stays blank; what
    has no letter for an ID stays, too, and is none."""
    if profile.id_strip:
        text = text.lstrip(profile.id_strip + " ")
    if CUT_SHORT.fullmatch(text):
        return text
    if not profile.id_replace:
        text = text if text.isascii() else text.translate(_AS_TYPED).strip()
    elif not is_order_id(text):
        text = re.sub(r"[^A-Za-z0-9._-]+", profile.id_replace, text).strip(profile.id_replace) or text
    return f"{profile.id_prefix}{text}" if text else ""


def sku_of_name(name: str, *, apart: bool = False) -> str:
    """Return LEATHER-BAG-BROWN-L for `Leather Bag - Brown / L`. One name always has the same SKU, another
    name almost always another. Blank for a blank name. With `apart`, it differs from one that would be the
    same."""
    name = name.strip()
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = "-".join(re.findall(r"[A-Z0-9]+", plain.upper()))
    tells_all = name.isascii() and all(char.isalnum() or char in _SEPARATORS for char in name)
    if name and (apart or not slug or len(slug) > 50 or not tells_all):
        # What was dropped told it from others.
        slug = "-".join(filter(None, (slug[:50], hashlib.sha256(name.encode()).hexdigest()[:8].upper())))
    return slug


def with_skus_apart(rows: Sequence[NumberedRow]) -> Sequence[NumberedRow]:
    """Give a SKU of its own to each name whose SKU would be that of another product: of an earlier name, or
    of a product that has its SKU in the file."""
    if not [True for _, fields in rows if fields.get("item_name")]:
        return rows
    names = {fields["sku"]: "" for _, fields in rows if not fields["item_name"]}
    changed: list[NumberedRow] = []
    for line, fields in rows:
        name = fields["item_name"]
        is_another = name and names.setdefault(fields["sku"], name) != name
        changed.append((line, fields | {"sku": sku_of_name(name, apart=True)} if is_another else fields))
    return changed
