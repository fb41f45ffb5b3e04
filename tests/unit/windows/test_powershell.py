# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be known of the PowerShell parts without PowerShell: that they parse, what they call, and the names."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.lvs.cluster.tests.windows.grammar import (
    MODULE,
    PESTER,
    PLAN,
    ROOT,
    SEAM,
    Node,
    assigned,
    commands,
    faults,
    functions,
    inside,
    literal,
    parse,
    text,
    tree,
)

SCRIPTS = [MODULE, PLAN, SEAM, PESTER]
DOCUMENTED = json.loads((ROOT / "tests/windows/documented.json").read_text(encoding="utf-8"))
#: What works on data alone.
PURE = {"ForEach-Object", "Where-Object", "Sort-Object", "Select-Object", "Export-ModuleMember"}
#: What a script of ours never needs: other people's code, screens, downloads.
FORBIDDEN = re.compile(
    r"^((?i:Invoke-(Expression|WebRequest|RestMethod|Command)|Start-(Process|BitsTransfer)|Write-Host|Install-\w+)"
    r"|[a-z]+|\?|%)$"
)


@pytest.mark.proves(system="Windows Server", method="win_arp_hide", how="parsed")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_grammar_understands_every_script(script: Path) -> None:
    assert faults(tree(script)) == []


def test_the_grammar_sees_a_fault() -> None:
    assert faults(parse(b"Function Get-It { if ($true { 1 }"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_no_script_calls_an_alias_or_what_runs_other_peoples_code(script: Path) -> None:
    assert [name for name in commands(tree(script)) if FORBIDDEN.match(name)] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_no_error_is_silenced(script: Path) -> None:
    assert re.findall(r"(?i)SilentlyContinue|\bIgnore\b", script.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_lines_are_no_longer_than_the_linter_of_ansible_allows(script: Path) -> None:
    lines = script.read_text(encoding="utf-8").splitlines()
    assert [number for number, line in enumerate(lines, 1) if len(line) > 160 or line != line.rstrip()] == []


@pytest.mark.proves(system="Windows Server", method="win_arp_hide", how="parsed")
def test_the_plan_calls_only_itself_and_what_works_on_data() -> None:
    known = PURE | set(functions(tree(PLAN)))
    assert sorted(set(commands(tree(PLAN))) - known) == []


def test_the_plan_uses_no_type_but_those_of_data() -> None:
    used = {text(each).strip("[]") for each in inside(tree(PLAN), "type_literal")}
    assert used <= {
        *("String", "String[]", "Int32", "Boolean", "Switch", "PSCustomObject", "ordered", "ref", "Math"),
        *("System.Collections.IDictionary", "System.Net.IPAddress"),
    }


def test_the_module_calls_no_cmdlet_of_the_network() -> None:
    known = PURE | set(functions(tree(PLAN))) | set(functions(tree(SEAM))) | {"New-Object"}
    assert sorted(set(commands(tree(MODULE))) - known) == []


def test_every_function_is_used_and_none_is_defined_twice() -> None:
    called = {name for script in SCRIPTS for name in commands(tree(script))}
    defined = [*functions(tree(PLAN)), *functions(tree(SEAM))]
    by_name = {"New-LoopbackAdapter", "Remove-LoopbackAdapter"}  # an operation names them
    assert sorted(set(defined) - called - by_name) == []
    assert sorted(defined) == sorted(set(defined))


@pytest.mark.parametrize("script", [PLAN, SEAM], ids=lambda script: script.name)
def test_what_another_script_calls_is_exported(script: Path) -> None:
    export = next(each for each in inside(tree(script), "command") if text(each).startswith("Export-ModuleMember"))
    names = literal(next(inside(export, "array_expression")))
    assert isinstance(names, list)
    others = {name for other in SCRIPTS if other != script for name in commands(tree(other))}
    assert set(functions(tree(script))) & others <= set(map(str, names)) <= set(functions(tree(script)))


def _parameters(function: str, script: Path) -> set[str]:
    block = next(inside(functions(tree(script))[function], "param_block"))
    return {text(each.named_children[-1]).lstrip("$") for each in inside(block, "script_parameter")}


def _given(call: Node) -> list[str]:
    elements = call.named_children[-1].children
    return [text(each).strip("-:") for each in elements if each.type == "command_parameter"]


def test_every_call_of_an_own_function_uses_parameters_that_it_has() -> None:
    own = {name: _parameters(name, script) for script in (PLAN, SEAM) for name in functions(tree(script))}
    unknown = []
    for script in SCRIPTS:
        for call in inside(tree(script), "command"):
            name = text(call.named_children[0])
            if name in own:
                unknown += [f"{name} -{each}" for each in _given(call) if each not in own[name]]
    assert unknown == []


def test_every_parameter_that_must_be_given_is_given() -> None:
    needed = {}
    for script in (PLAN, SEAM):
        for name, function in functions(tree(script)).items():
            block = next(inside(function, "param_block"))
            needed[name] = {
                text(each.named_children[-1]).lstrip("$")
                for each in inside(block, "script_parameter")
                if "Mandatory" in text(each)
            }
    lacking = []
    for script in SCRIPTS:
        for call in inside(tree(script), "command"):
            name = text(call.named_children[0])
            lacking += [f"{name} -{each}" for each in sorted(needed.get(name, set()) - set(_given(call)))]
    assert lacking == []


def test_every_variable_is_set_before_or_handed_in() -> None:
    """A misspelled variable is empty in PowerShell, not an error."""
    known = {"$_", "$null", "$true", "$false", "$Matches", "$env:windir", "$PSCmdlet", "$args", "$PSScriptRoot"}
    for script in (PLAN, SEAM, MODULE):
        shared = set(re.findall(r"^(\$\w+) =", script.read_text(encoding="utf-8"), re.MULTILINE))
        bodies = [*functions(tree(script)).items()] or [(script.name, tree(script))]
        for name, body in bodies:
            text_of_left = [text(each.children[0]) for each in inside(body, "assignment_expression")]
            set_here = {word for left in text_of_left for word in re.findall(r"\$\w+", left)}
            set_here |= {text(each.children[2]) for each in inside(body, "foreach_statement")}
            set_here |= {text(each.named_children[-1]) for each in inside(body, "script_parameter")}
            used = {text(each) for each in inside(body, "variable")}
            assert sorted({each for each in used if not each.startswith("@")} - known - shared - set_here) == [], name


# --- names of Windows ------------------------------------------------------------------------------------------------


def _reads() -> dict[str, set[str]]:
    """The properties that the seam reads from the objects of each cmdlet, by the variable that the object is in."""
    found: dict[str, set[str]] = {}
    for function in functions(tree(SEAM)).values():
        origins: dict[str, str] = {}
        for each in inside(function, "foreach_statement", "assignment_expression"):
            is_loop = each.type == "foreach_statement"
            variable = text(each.children[2] if is_loop else each.children[0])
            source = each.children[4] if is_loop else each.children[-1]
            asked = [name for name in commands(source) if name in DOCUMENTED["properties"]]
            through = [text(word) for word in inside(source, "variable") if text(word) in origins]
            if asked:
                origins[variable] = asked[0]
            elif is_loop and through:
                origins.setdefault(variable, origins[through[0]])
        for access in inside(function, "member_access"):
            owner = text(access.children[0])
            if owner in origins:
                found.setdefault(origins[owner], set()).add(text(access.children[-1]))
    return found


@pytest.mark.proves(system="Windows Server", method="win_arp_hide", how="parsed")
@pytest.mark.parametrize("cmdlet", DOCUMENTED["properties"])
def test_the_seam_reads_only_documented_properties(cmdlet: str) -> None:
    read = _reads()[cmdlet]
    assert read
    assert sorted(read - set(DOCUMENTED["properties"][cmdlet]["names"])) == []


def _planned() -> dict[str, set[str]]:
    """The arguments that the plan gives to each command, where they are written out beside it."""
    found: dict[str, set[str]] = {}
    for function in functions(tree(PLAN)).values():
        names = re.findall(r"'((?:New|Set|Remove|Enable|Disable)-(?:Net|Dns)\w+)'", text(function))
        if names:
            keys = {
                text(entry.named_children[0])
                for table in inside(function, "hash_literal_expression")
                if text(table.parent.parent if table.parent and table.parent.parent else table).startswith("[ordered]")
                for entry in inside(table, "hash_entry")
            }
            keys |= set(re.findall(r"\$arguments\['(\w+)'\]", text(function)))
            for name in names:
                found.setdefault(name, set()).update(keys)
    return found


def test_the_plan_asks_only_for_commands_that_the_seam_knows() -> None:
    asked = {
        *re.findall(r"-Command '([\w-]+)'", PLAN.read_text(encoding="utf-8")),
        *re.findall(r"\$command = '([\w-]+)'", PLAN.read_text(encoding="utf-8")),
    }
    known = assigned(tree(SEAM), "$knownCommands")
    assert isinstance(known, list)
    assert sorted(asked) == sorted(map(str, known))


@pytest.mark.proves(system="Windows Server", method="win_arp_hide", how="parsed")
@pytest.mark.parametrize("cmdlet", sorted(_planned()))
def test_the_plan_gives_only_documented_parameters(cmdlet: str) -> None:
    common = {"Confirm"}
    # One function plans three cmdlets for an address; the parameters of all three are its own.
    family = [name for name in DOCUMENTED["parameters"] if name.split("-")[1] == cmdlet.split("-")[1]]
    names = {each for name in family for each in DOCUMENTED["parameters"][name]["names"]}
    assert sorted(_planned()[cmdlet] - names - common) == []


# --- module, documentation, ansible ----------------------------------------------------------------------------------


def _documented_options(options: dict[str, Any]) -> dict[str, Any]:
    kept = {}
    for name, option in options.items():
        kept[name] = {key: value for key, value in option.items() if key not in ("description", "suboptions")}
        if "suboptions" in option:
            kept[name]["options"] = _documented_options(option["suboptions"])
    return kept


@pytest.mark.proves(system="Windows Server", method="win_arp_hide", how="parsed")
def test_the_documentation_says_what_the_spec_says() -> None:
    sidecar = yaml.safe_load(MODULE.with_suffix(".yml").read_text(encoding="utf-8"))
    spec = assigned(tree(MODULE), "$spec")
    assert isinstance(spec, dict)
    assert _documented_options(sidecar["DOCUMENTATION"]["options"]) == spec["options"]
    assert spec["supports_check_mode"] is True


def test_ansible_finds_everything_that_the_module_requires() -> None:
    # On its own: pytest has imported the collection in another way than Ansible does.
    script = f"""
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader([{str(ROOT / ".collections")!r}])
from ansible.executor.powershell.module_manifest import PSModuleDepFinder
finder = PSModuleDepFinder()
name = "ansible_collections.lvs.cluster.plugins.modules.win_arp_hide"
finder.scan_module(open({str(MODULE)!r}, "rb").read(), fqn=name, powershell=True)
print(finder.os_version, *sorted(name for name in finder.scripts if name.startswith("ansible_collections.")))
"""
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    room = "ansible_collections.lvs.cluster.plugins.module_utils"
    assert answer == [
        "10.0.14393",
        f"{room}._ArpHideHost.psm1",
        f"{room}._ArpHidePlan.psm1",
        f"{room}._LoopbackDevice.cs",
    ]


def test_check_mode_reaches_nothing_that_changes_the_host() -> None:
    """One call of the module leads to changes, and stands where check mode does not get."""
    guarded = [each for each in inside(tree(MODULE), "if_statement") if "Invoke-ArpHidePlan" in commands(each)]
    assert ["-not $module.CheckMode" in text(each.named_children[0]) for each in guarded] == [True]
    assert commands(tree(MODULE)).count("Invoke-ArpHidePlan") == 1
    reached, waiting = set(), {"Get-ArpHideState"}
    bodies = functions(tree(SEAM))
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= {each for each in commands(bodies[name]) if each in bodies} - reached
    read = {each for name in reached for each in commands(bodies[name])} - set(bodies) - set(functions(tree(PLAN)))
    assert {each for each in read if not each.startswith(("Get-", "Test-"))} <= PURE | {"$Query"}
    assert not any("LoopbackDevice" in text(bodies[name]) for name in reached)


def test_the_class_that_the_seam_calls_is_the_one_in_the_csharp_file() -> None:
    source = (ROOT / "plugins/module_utils/_LoopbackDevice.cs").read_text(encoding="utf-8")
    called = set(re.findall(r"\[(ansible_collections\.\S+?)\.(\w+)\]::(\w+)\(", SEAM.read_text(encoding="utf-8")))
    assert called
    for namespace, name, method in called:
        assert f"namespace {namespace}\n" in source
        assert f"public static class {name}\n" in source
        assert re.search(rf"public static \w+ {method}\(", source)


#: Bytes of the types in the structures that SetupAPI is given; a pointer has as many as the process's words.
SIZES = {"uint": 4, "long": 8, "ulong": 8, "Guid": 16, "IntPtr": 0}


def _size(structure: str, pointer: int) -> int:
    """What ``Marshal.SizeOf`` says of a structure of the C# file in a process with pointers of this size."""
    source = (ROOT / "plugins/module_utils/_LoopbackDevice.cs").read_text(encoding="utf-8")
    layout, fields = re.findall(
        rf"\[StructLayout\((.*?)\)\]\s+internal struct {structure}\s+\{{(.*?)\n        \}}", source, re.DOTALL
    )[0]
    packed = re.search(r"Pack = (\d+)", layout)
    pack = int(packed[1]) if packed else 8
    offset, widest = 0, 1
    for length, kind in re.findall(r"(?:SizeConst = (\d+)\)\]\s+)?public (\w+) \w+;", fields):
        size = 2 * int(length) if length else SIZES[kind] or pointer
        alignment = min(pack, 2 if length else 4 if kind == "Guid" else size)
        offset += -offset % alignment + size
        widest = max(widest, alignment)
    return offset + -offset % widest


@pytest.mark.parametrize(
    ("structure", "on_32_bit", "on_64_bit"),
    [("SP_DEVINFO_DATA", 28, 32), ("SP_DEVINSTALL_PARAMS", 556, 584), ("SP_DRVINFO_DATA", 1564, 1568)],
)
def test_the_structures_are_as_large_as_those_of_setupapi(structure: str, on_32_bit: int, on_64_bit: int) -> None:
    """SetupAPI compares cbSize with its own: by setupapi.h, packed by 1 on 32 bit and by 8 on 64 bit."""
    assert (_size(structure, 4), _size(structure, 8)) == (on_32_bit, on_64_bit)


def test_a_driver_is_installed_on_the_new_device_alone() -> None:
    source = (ROOT / "plugins/module_utils/_LoopbackDevice.cs").read_text(encoding="utf-8")
    called = [name for name in re.findall(r"NativeMethods\.(\w+)\(", source) if not name.startswith("SP_")]
    assert "UpdateDriverForPlugAndPlayDevices" not in source
    assert sorted(set(called)) == sorted(re.findall(r"internal static extern \w+ (\w+)\(", source))
    chosen = [
        called.index(name) for name in ("SetupDiBuildDriverInfoList", "SetupDiGetSelectedDriverW", "DiInstallDevice")
    ]
    assert chosen == sorted(chosen)


def test_nothing_is_waited_for_but_a_condition_and_for_a_limited_time() -> None:
    """A pause stands in a loop that looks at a clock."""
    pausing = {name: text(body) for name, body in functions(tree(SEAM)).items() if "Start-Sleep" in commands(body)}
    assert sorted(pausing) == ["Get-SettledPlan", "Wait-Condition"]
    assert all("while (" in body and "$watch.Elapsed.TotalSeconds -ge $Seconds" in body for body in pausing.values())
    assert "Start-Sleep" not in {*commands(tree(MODULE)), *commands(tree(PLAN))}


def test_a_device_is_noted_before_it_gets_its_driver_and_goes_when_making_it_fails() -> None:
    body = text(functions(tree(SEAM))["New-LoopbackAdapter"])
    made, undone = body.split("catch {", 1)
    steps = [
        "New-Item -",
        "::Register()",
        "Name Unfinished",
        "::Install(",
        "Wait-",
        "Rename-",
        "Name Adapter",
        "Remove-ItemProperty",
    ]
    places = [made.index(step) for step in steps]
    assert places == sorted(places)
    assert made.index("try {") < places[0]
    assert undone.index("Undo-LoopbackAdapter") < undone.index("throw $failure")


def test_the_seam_changes_the_host_only_where_a_plan_is_carried_out() -> None:
    changing = re.compile(r"^(New|Set|Remove|Rename|Enable|Disable|Clear|Restart|Stop|Add)-")
    own = set(functions(tree(SEAM)))
    places = {
        name: sorted(each for each in commands(body) if changing.match(each) and each not in own)
        for name, body in functions(tree(SEAM)).items()
    }
    assert {name: found for name, found in places.items() if found} == {
        "New-LoopbackAdapter": [
            "New-Item",
            "New-ItemProperty",
            "New-ItemProperty",
            "Remove-ItemProperty",
            "Rename-NetAdapter",
        ],
        "Test-Administrator": ["New-Object"],
        "Undo-LoopbackAdapter": ["Remove-Item", "Remove-ItemProperty"],
    }
