"""How the console is built: its types are those of the document that a server gives its clients, what is too heavy or does not
compile is no build, and a machine without npm builds and installs everything else.
"""

import json
import os
import re
import shutil
import subprocess

import pytest

from saastest import Places, Site
from saastest.places import BUILD, ROOT, clean_environment, program
from saastest.site import Sqlite

WEB = ROOT / "plugins" / "console" / "web"
MODULES = BUILD / "console-npm" / "node_modules"
# Two types are the same when nothing tells them apart. One file for each document.
SAME = """import type { paths as Built, components as BuiltParts } from "./built";
import type { paths as Served, components as ServedParts } from "./%s";
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
type Both<A, B> = { [K in keyof A | keyof B]: K extends keyof A ? K extends keyof B ? Same<A[K], B[K]> : "not served" : "not built" };
type Wrong<A> = { [K in keyof A]: A[K] extends true ? never : K }[keyof A];
// What is wrong is told as what is missing here.
export const calls: Record<Wrong<Both<Built, Served>>, never> = {};
export const parts: Record<Wrong<Both<BuiltParts["schemas"], ServedParts["schemas"]>>, never> = {};
"""
GENERATE = """import fs from "node:fs";
import openapi, { astToString } from "openapi-typescript";
for (const name of process.argv.slice(2)) {
    fs.writeFileSync(name + ".d.ts", astToString(await openapi(JSON.parse(fs.readFileSync(name + ".json", "utf8")))));
}
"""
# What a document may differ by, and what is named then.
CHANGES = {
    "gone": (lambda document: document["paths"].pop("/audits/start/"), "/audits/start/"),
    "new": (lambda document: document["paths"].__setitem__("/new/", document["paths"].pop("/auth/me/")), "/new/"),
    "member": (lambda document: document["components"]["schemas"]["Audit"]["properties"].pop("score"), "Audit"),
    "value": (lambda document: document["components"]["schemas"]["Role"].__setitem__("enum", ["ADMIN", "MEMBER"]), "is missing the following properties"),
}


def node(folder, *args):
    return subprocess.run([program("node"), *map(str, args)], cwd=folder, capture_output=True, text=True, env=clean_environment())


@pytest.fixture(scope="module")
def served():
    """The document of a server with every plugin."""
    places = Places()
    site = Site(Sqlite(places), with_stripe=False, places=places)
    try:
        yield site.start().nobody().ok("GET", "openapi.json")
    finally:
        site.close()
        places.close()


@pytest.fixture(scope="module")
def told(places, served):
    """By document, the server's and those that differ, what TypeScript's compiler says of it and the types that the console was built with."""
    built, folder = BUILD / "obj" / "console" / "src" / "schema.d.ts", places.folder("types")
    assert built.exists() and (BUILD / "console" / "index.html").exists(), "the console is not built: make deps, make"
    shutil.copy(built, folder / "built.d.ts")
    (folder / "node_modules").symlink_to(MODULES)
    (folder / "generate.mjs").write_text(GENERATE)
    names = ["served", *CHANGES]
    for name in names:
        document = json.loads(json.dumps(served))
        if name in CHANGES:
            CHANGES[name][0](document)
        (folder / f"{name}.json").write_text(json.dumps(document))
        (folder / f"same-{name}.ts").write_text(SAME % name)
    made = node(folder, "generate.mjs", *names)
    assert made.returncode == 0, made.stderr
    options = {"noEmit": True, "strict": True, "exactOptionalPropertyTypes": True, "types": [], "lib": ["es2022"], "noErrorTruncation": True}
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": [f"same-{name}.ts" for name in names]}))
    done = node(folder, "node_modules/typescript/bin/tsc", "-p", ".")
    assert not re.sub(r"^same-.*(?:\n .*)*", "", done.stdout, flags=re.M).strip() and not done.stderr, done.stdout
    return {name: "\n".join(re.findall(rf"^same-{name}\.ts.*(?:\n .*)*", done.stdout, re.M)) for name in names}


def test_its_types_are_those_of_the_servers_document(told):
    assert not told["served"], "the console was built with other types than the server's document has: " + told["served"]


@pytest.mark.parametrize("change", CHANGES)
def test_a_document_that_differs_is_named(told, change):
    assert CHANGES[change][1] in told[change]


# ------------------------------------------------------------------------ what is no build --

@pytest.fixture
def web(request, places):
    """A copy of the console's sources, to be changed."""
    copy = places.folder(request.node.name) / "web"
    shutil.copytree(WEB, copy)
    (copy / "node_modules").symlink_to(MODULES)
    return copy


def edit(path, before, after):
    text = path.read_text()
    assert before in text, f"{path.name} has no {before}"
    path.write_text(text.replace(before, after))


def test_pages_that_are_too_heavy_are_no_build(web):
    edit(web / "build.mjs", "const LIMIT = 120 * 1024", "const LIMIT = 24 * 1024")
    edit(web / "build.mjs", "\ncompile();\n", "\n")  # the compiler is another test's
    done = node(web, "build.mjs", ROOT / "docs" / "openapi", web / "out")
    costs = dict(re.findall(r"(\w+) (\d+\.\d)(?:,|$)", done.stdout))
    assert set(costs) == {path.stem for path in (WEB / "src" / "pages").glob("*.tsx")}, done.stdout
    assert done.returncode == 1 and "audit" in done.stderr and "more gzip JavaScript than 24 KiB" in done.stderr and not (web / "out").exists()
    # As it is, no page is near the limit.
    assert max(map(float, costs.values())) < 120


def test_a_text_that_a_language_lacks_and_a_call_that_there_is_not_do_not_compile(web):
    edit(web / "src" / "texts" / "de.ts", "signUp: ", "signedUp: ")
    edit(web / "src" / "pages" / "activity.tsx", "/organizations/{org}/activity/", "/organizations/{org}/nothing/")
    done = node(web, "build.mjs", ROOT / "docs" / "openapi", web / "out")
    assert done.returncode == 1 and not (web / "out").exists()
    assert "plugins/console/web/src/texts/de.ts" in done.stderr and "signedUp" in done.stderr and "src/pages/activity.tsx" in done.stderr, done.stderr


# ----------------------------------------------------------------------------- without npm --

@pytest.fixture(scope="module")
def bare(places):
    """An environment whose PATH has everything but node and npm."""
    folder = places.folder("bin")
    for where in os.environ["PATH"].split(":"):
        for name in os.listdir(where) if os.path.isdir(where) else ():
            if name not in ("node", "nodejs", "npm", "npx") and not (folder / name).exists():
                (folder / name).symlink_to(os.path.join(where, name))
    return clean_environment(PATH=str(folder))


def run(*argv, env):
    return subprocess.run(list(map(str, argv)), cwd=ROOT, capture_output=True, text=True, env=env)


def test_without_npm_it_is_left_out_in_one_line(places, bare):
    out = places.folder("build")
    done = run("sh", WEB / "build.sh", out, env=bare)
    assert done.returncode == 0 and done.stdout == ""
    assert done.stderr == "console: it is built with node and npm, and they are not here: the console is left out; everything else is built (see docs/console.md)\n"
    assert not (out / "console").exists()


def test_without_npm_the_rest_is_installed_and_with_it_the_built_files_are(places, bare):
    build, root = places.folder("without") / "build", places.folder("root")
    subprocess.run(["cp", "-al", BUILD, build], check=True)
    shutil.rmtree(build / "console")
    done = run("make", "-s", "install", f"BUILD={build}", f"DESTDIR={root}", env=bare)
    assert done.returncode == 0, done.stderr
    assert "install: the console was not built and is not installed" in done.stdout and "they are not here" in done.stderr
    installed = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert not [name for name in installed if "share/mod_saas/console" in name]
    assert any(name.endswith("mod_saas_console.so") for name in installed) and any(name.endswith("bin/saasctl") for name in installed)

    # Built elsewhere, it is carried along: what is there, as it is, and nothing of another build.
    stale = root / "usr/share/mod_saas/console/assets/main-OLD.js"
    stale.parent.mkdir(parents=True)
    stale.write_text("old")
    shutil.rmtree(build / "console", ignore_errors=True)
    shutil.copytree(BUILD / "console", build / "console")
    os.utime(build / "console" / "index.html")
    done = run("make", "-s", "install", f"BUILD={build}", f"DESTDIR={root}", env=bare)
    assert done.returncode == 0, done.stderr
    carried = root / "usr/share/mod_saas/console"
    assert {path.relative_to(carried): path.read_bytes() for path in carried.rglob("*") if path.is_file()} \
        == {path.relative_to(BUILD / "console"): path.read_bytes() for path in (BUILD / "console").rglob("*") if path.is_file()}
