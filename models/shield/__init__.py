"""Real, generated or forged: a head on the discriminator that says which, and what is done about it.

    config        the settings, `train.shield`
    attacks       forgeries made from real images;  adversarial: perturbations against a network;  laundering: JPEG
    head          the network;  measures: thresholds with a stated rate of false alarms, AUROC
    shield        its lessons during a training, and the gate

A training asks `gate` which images of a batch may count as real.
"""

__all__ = ["config", "door", "gate", "measures", "shield"]
