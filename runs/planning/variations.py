"""What votes do otherwise from one to the next: the variations they go through in turn."""

from dataclasses import dataclass

from runs.planning.shape import Configuration, Prompt


@dataclass(frozen=True, slots=True)
class Variation:
    """What a vote does otherwise than the next: its prompt, a few call settings, and its name."""

    prompt: Prompt
    label: str = ""
    temperature: float | None = None
    connection: str = ""
    model: str = ""


def variations(configuration: Configuration) -> tuple[Variation, ...]:
    """The variations that votes go through in turn; at least one."""
    prompts, votes = configuration.prompts, configuration.votes
    match votes.vary:
        case "temperature":
            return tuple(
                Variation(prompts[0], f"temperature {degrees:g}", temperature=degrees)
                for degrees in votes.temperatures
            )
        case "model":
            return tuple(
                Variation(prompts[0], voter.model, connection=voter.connection, model=voter.model)
                for voter in votes.models
            )
        case "template":
            return tuple(
                Variation(prompt, prompt_name(prompt, number))
                for number, prompt in enumerate(prompts)
            )
    return (Variation(prompts[0]),)


def voters(configuration: Configuration) -> tuple[str, ...]:
    """The names that weights may use, beside the numbers of votes: one for each variation."""
    own = configuration.call.model
    return tuple(dict.fromkeys(one.label or own for one in variations(configuration)))


def prompt_name(prompt: Prompt, number: int) -> str:
    """What a prompt is called, the `number`-th from 0."""
    return prompt.name or prompt.template or f"Prompt {number + 1}"
