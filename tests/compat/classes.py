# SPDX-License-Identifier: Apache-2.0
"""Why we and buf may judge a change differently: the classes of
doc/compatibility.md, by the names that they have there."""

JSON = 4 | 8


def explain(form, key, is_ours, ours, bufs):
    """The class of a finding that only one of the two has, or None. ours are
    our findings with their bits, those that break nothing included."""
    family, owner, number = key
    renamed = {k[1] for k in ours if k[0] == "message name"}
    if any(k[0] == "enum name" for k in ours):
        renamed |= {"Hue", "Size", "HueToo", "SizeToo"}
    rules = OURS_ONLY if is_ours else BUFS_ONLY
    for name, families, applies in rules:
        if family in families and applies(
                form, lambda f: ours.get((f, owner, number)), owner, renamed,
                {k[0] for k in bufs if k[1:] == (owner, number)}):
            return name
    return None


# name, families of findings, whether it applies: by the form, our bits of a
# family at the same place, the owner, messages that have another name now, and
# buf's families at the same place.
OURS_ONLY = [
    ("same-name", {"number"}, lambda form, at, owner, renamed, bufs: True),
    ("value-moved", {"value number"}, lambda form, at, owner, renamed, bufs: True),
    ("contents", {"name", "json name", "deleted", "cardinality", "oneof", "required",
                  "default", "type", "reserved", "reserved name", "json form",
                  "value name", "value deleted", "closed"},
     lambda form, at, owner, renamed, bufs: owner in renamed),
    ("value-range", {"type"}, lambda form, at, owner, renamed, bufs: not bufs & {"type"}),
    ("readers-before", {"value added"},
     lambda form, at, owner, renamed, bufs: at("value added") & 10),
    ("value-in-hand", {"value deleted"},
     lambda form, at, owner, renamed, bufs: not at("value deleted") & 16),
    ("closed", {"closed"}, lambda form, at, owner, renamed, bufs: True),
    ("utf8", {"utf8"}, lambda form, at, owner, renamed, bufs: True),
    ("first-value", {"default"},
     lambda form, at, owner, renamed, bufs: True),
    ("required-once", {"required"},
     lambda form, at, owner, renamed, bufs: "cardinality" in bufs),
    ("type-first", {"cardinality"},
     lambda form, at, owner, renamed, bufs: "type" in bufs),
    ("map-list", {"cardinality"},
     lambda form, at, owner, renamed, bufs: form == "WIRE"),
]
BUFS_ONLY = [
    ("two-names", {"json name"},
     lambda form, at, owner, renamed, bufs: (at("name") or 0) & JSON),
    ("either-name", {"name", "json name"},
     lambda form, at, owner, renamed, bufs:
     at("name") == 0 or at("json name") == 0),
    ("oneof-alone", {"oneof"}, lambda form, at, owner, renamed, bufs:
     at("oneof") == 0),
    ("contents", {"type"}, lambda form, at, owner, renamed, bufs:
     renamed or at("enum name") == 0),
    ("enum-integer", {"type"}, lambda form, at, owner, renamed, bufs:
     at("type") is not None and form == "WIRE"),
    ("required-once", {"cardinality"},
     lambda form, at, owner, renamed, bufs: at("required")),
    ("reserved-name", {"reserved name"},
     lambda form, at, owner, renamed, bufs: form == "WIRE"),
    ("alias", {"value name"}, lambda form, at, owner, renamed, bufs:
     at("value name") is None),
    ("json-format", {"json format"}, lambda form, at, owner, renamed, bufs: True),
]
NAMES = {rule[0] for rule in OURS_ONLY + BUFS_ONLY}
