"""From configuration to objects: schemas, cross-field rules, and the only place that builds."""
