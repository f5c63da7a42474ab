"""A policy: a trunk that sees the market alone, and a head that joins the account."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from grandmodel.core.types import ObservationSpec, Stretch
from grandmodel.systems.head import Head
from grandmodel.systems.modifiers import Modifiers


class Trunk(nn.Module):
    """What maps the market's view (window, context) to features [batch, width]."""

    reads: str  # how it reads windows: "pooled", "sequence" or "stretch"
    reads_apart: str = ""  # how it reads windows that hardly share rows, where not in the same way
    width: int


class Policy(nn.Module):
    """One agent's policy over {short, flat, long}, built from an observation spec alone."""

    def __init__(
        self,
        spec: ObservationSpec,
        trunk: Trunk,
        *,
        head: int,
        layer_norm: bool,
        learn_temperature: bool,
        modifiers: list[str],
        temperature: float = 1.0,
    ) -> None:
        """Join a trunk and a head.

        Args:
            spec: the agent's columns; `spec.modifiers` are those of ``modifiers``, in order.
            trunk: sees the market alone.
            head: width of the hidden layer that joins the account.
            layer_norm: whether the head normalises its hidden layer.
            learn_temperature: whether the temperature is a parameter or fixed.
            modifiers: names of the logit modifiers.
            temperature: its value before training.
        """
        super().__init__()
        self.spec = spec
        self.reads = trunk.reads
        self.reads_apart = trunk.reads_apart or trunk.reads
        self.trunk = trunk
        self.head = Head(
            trunk.width,
            head,
            layer_norm=layer_norm,
            learn_temperature=learn_temperature,
            temperature=temperature,
            account=len(spec.account),
        )
        self.modifiers = Modifiers(modifiers)

    @property
    def embedding_width(self) -> int:
        """Width of what :meth:`embed` returns."""
        return self.head.market.out_features

    def embed(
        self,
        window: Tensor | Stretch,
        context: Float[Tensor, "batch context"],
    ) -> Float[Tensor, "batch embedding"]:
        """Map market inputs to the market half of the head's hidden layer.

        Args:
            window: [batch, 2W] where ``reads`` is ``pooled``, [batch, 48, W] for ``sequence``,
                shared rows for ``stretch``.
            context: context columns at the last bar.
        """
        return self.head.market(self.trunk(window, context))

    def logits(
        self,
        embedding: Float[Tensor, "batch embedding"],
        account: Float[Tensor, "batch value"],
        modifiers: Float[Tensor, "batch modifier"] | None = None,
        dropout: Float[Tensor, "batch embedding"] | None = None,
    ) -> Float[Tensor, "batch 3"]:
        """Return logits after temperature and modifiers; softmax is the caller's, once.

        Args:
            embedding: from :meth:`embed`.
            account: the account block.
            modifiers: `spec.modifiers` columns at the last bar; may be None without modifiers.
            dropout: multipliers of the hidden layer, or None.
        """
        raw = self.head(embedding, account, dropout)
        return raw if modifiers is None else self.modifiers(raw, modifiers)

    def forward(
        self,
        window: Tensor | Stretch,
        context: Tensor,
        account: Tensor,
        modifiers: Tensor | None = None,
    ) -> Float[Tensor, "batch 3"]:
        """Return logits from raw inputs, without dropout."""
        return self.logits(self.embed(window, context), account, modifiers)


def mlp_layers(widths: list[int], *, layer_norm: bool) -> nn.Sequential:
    """Return Linear, LayerNorm, ReLU for each step of ``widths``."""
    layers: list[nn.Module] = []
    for wide, narrow in pairwise(widths):
        layers.append(nn.Linear(wide, narrow))
        if layer_norm:
            layers.append(nn.LayerNorm(narrow))
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)
