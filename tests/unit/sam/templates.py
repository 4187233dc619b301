"""CloudFormation templates as CloudFormation reads them: tags, parameters, conditions."""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
STACK = ROOT / "sam/template.yaml"
ALARMS = ROOT / "infra/alarms/cloudwatch.yaml"

PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::AccountId": "123456789012",
    "AWS::StackName": "vibeloom-test",
}
NO_VALUE = object()  # what AWS::NoValue leaves


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, and nothing that CloudFormation refuses."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise AssertionError("CloudFormation knows no YAML aliases")
        return super().compose_node(parent, index)


def _tagged(loader: Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", _tagged)


@functools.cache
def load(path: Path) -> dict[str, Any]:
    """The template as a tree in which `!Ref x` is `{"Ref": "x"}`; to be read, not changed."""
    template: dict[str, Any] = yaml.load(path.read_text(), Loader)
    return template


def references(value: Any) -> set[str]:
    """Every name that `Ref`, `GetAtt` and `Sub` mention somewhere in `value`."""
    if isinstance(value, dict):
        found: set[str] = set()
        for key, item in value.items():
            if key == "Ref":
                found.add(item)
            elif key == "Fn::GetAtt":
                found.add(item[0])
            elif key == "Fn::Sub":
                text = item if isinstance(item, str) else item[0]
                found |= {name.partition(".")[0] for name in re.findall(r"\$\{([^}!]+)\}", text)}
            found |= references(item)
        return found
    if isinstance(value, list):
        return set().union(*map(references, value)) if value else set()
    return set()


@dataclass(frozen=True)
class Stack:
    """A template with its parameters filled in."""

    template: Mapping[str, Any]
    given: Mapping[str, Any] = field(default_factory=dict)

    def parameter(self, name: str) -> Any:
        return self.given.get(name, self.template["Parameters"][name].get("Default"))

    def condition(self, name: str) -> bool:
        return bool(self._test(self.template["Conditions"][name]))

    def exists(self, name: str) -> bool:
        """Whether the resource or output is made with these parameters."""
        section = "Resources" if name in self.template["Resources"] else "Outputs"
        condition = self.template[section][name].get("Condition")
        return condition is None or self.condition(condition)

    def of_type(self, kind: str) -> dict[str, Any]:
        """The properties of every resource of a type that is made, by name."""
        return {
            name: self.resolve(resource.get("Properties", {}))
            for name, resource in self.template["Resources"].items()
            if resource["Type"] == kind and self.exists(name)
        }

    def resolve(self, value: Any) -> Any:
        """`value` with its functions worked out; resources stay `<Name>` or `<Name.Attribute>`."""
        if isinstance(value, list):
            items = [self.resolve(item) for item in value]
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, argument)] = value.items()
            if function == "Ref":
                return self._ref(argument)
            if function == "Fn::GetAtt":
                return f"<{'.'.join(argument)}>"
            if function.startswith("Fn::"):
                return getattr(self, f"_{function[4:].lower()}")(argument)
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in PSEUDO:
            return PSEUDO[name]
        return self.parameter(name) if name in self.template["Parameters"] else f"<{name}>"

    def _if(self, argument: list[Any]) -> Any:
        condition, then, otherwise = argument
        return self.resolve(then if self.condition(condition) else otherwise)

    def _sub(self, argument: Any) -> str:
        text, extra = (argument, {}) if isinstance(argument, str) else argument
        known = self.resolve(extra)

        def fill(match: re.Match[str]) -> str:
            name = match[1]
            return str(known[name] if name in known else self._ref(name))

        return re.sub(r"\$\{([^}!]+)\}", fill, text)

    def _join(self, argument: list[Any]) -> str:
        return str(argument[0]).join(self.resolve(argument[1]))

    def _split(self, argument: list[Any]) -> list[str]:
        return str(self.resolve(argument[1])).split(argument[0])

    def _select(self, argument: list[Any]) -> Any:
        return self.resolve(argument[1])[int(argument[0])]

    def _test(self, value: Any) -> bool:
        [(function, argument)] = value.items()
        if function == "Condition":
            return self.condition(argument)
        if function == "Fn::Not":
            return not self._test(argument[0])
        if function == "Fn::Equals":
            left, right = (str(self.resolve(side)) for side in argument)
            return left == right
        raise AssertionError(f"a condition with {function}")
