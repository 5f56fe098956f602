#!/usr/bin/env python3
"""Makes compliance_finding.schema.json of a checkout of github.com/ocsf/ocsf-schema (Apache-2.0): the class Compliance
Finding and the objects that the export uses, with the attributes that OCSF knows and no others, their types, values and which
of them are required.  An object that is not in OBJECTS may not occur.

    python3 make_schema.py CHECKOUT TAG > compliance_finding.schema.json
"""

import json
import subprocess
import sys

OBJECTS = ("metadata", "product", "finding_info", "compliance", "resource_details")
TYPES = {"integer_t": {"type": "integer"}, "long_t": {"type": "integer"}, "float_t": {"type": "number"}, "boolean_t": {"type": "boolean"},
         "timestamp_t": {"type": "integer", "minimum": 0}, "json_t": {}}


def read(path):
    try:
        return json.loads(subprocess.run(["git", "-C", checkout, "show", f"{tag}:{path}"], capture_output=True, check=True, text=True).stdout)
    except subprocess.CalledProcessError:
        return None


def inherited(folder, name):
    """(attributes, constraints) of a class or object with those of what it extends."""
    own = read(f"{folder}/{name}.json") or read(f"{folder}/findings/{name}.json")
    attributes, constraints = inherited(folder, own["extends"]) if own.get("extends") else ({}, {})
    for key, told in own.get("attributes", {}).items():
        if key == "$include":
            continue            # profiles; of them the export has datetime, below
        attributes[key] = {**attributes.get(key, {}), **told, "enum": {**attributes.get(key, {}).get("enum", {}), **told.get("enum", {})}}
    return attributes, {**constraints, **own.get("constraints", {})}


def schema_of(attribute, told):
    base = {**dictionary[attribute], **{k: v for k, v in told.items() if k != "enum"}}
    values = {**dictionary[attribute].get("enum", {}), **told.get("enum", {})}
    kind = base["type"]
    if not kind.endswith("_t"):
        one = {"$ref": f"#/$defs/{kind}"} if kind in OBJECTS else False
    elif kind in TYPES:
        one = dict(TYPES[kind])
        if values and one.get("type") == "integer":
            one["enum"] = sorted(int(v) for v in values)
    else:
        one = {"type": "string"}
    return {"type": "array", "items": one} if base.get("is_array") else one


def object_schema(attributes, constraints):
    made = {"type": "object", "additionalProperties": False,
            "properties": {a: schema_of(a, told) for a, told in sorted(attributes.items()) if a in dictionary and not told.get("profile")},
            "required": sorted(a for a, told in attributes.items() if told.get("requirement") == "required" and not told.get("profile"))}
    # The profile datetime: each time has a twin in RFC 3339.
    for a, one in list(made["properties"].items()):
        if one == TYPES["timestamp_t"]:
            made["properties"][f"{a}_dt"] = {"type": "string", "format": "date-time"}
    for rule, word in (("at_least_one", "anyOf"), ("just_one", "oneOf")):
        if rule in constraints:
            made[word] = [{"required": [a]} for a in constraints[rule] if a in dictionary]
    return made


checkout, tag = sys.argv[1:]
dictionary = read("dictionary.json")["attributes"]
version = read("version.json")["version"]
top = object_schema(*inherited("events", "compliance_finding"))
# Said by the class itself: its number in its category.
for attribute, value in (("class_uid", 2003), ("category_uid", 2)):
    top["properties"][attribute] = {"const": value}
top["properties"]["type_uid"] = {"enum": [200300, 200301, 200302, 200303, 200399]}
json.dump({"$schema": "https://json-schema.org/draft/2020-12/schema", "$comment": f"Made by make_schema.py of ocsf-schema {version}. Copyright OCSF a Series of LF Projects, LLC. Apache-2.0.",
           **top, "$defs": {name: object_schema(*inherited("objects", name)) for name in OBJECTS}}, sys.stdout, indent=1, sort_keys=True)
print()
