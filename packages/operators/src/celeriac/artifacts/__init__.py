"""Artifacts: what an attempt writes (tables, models, transforms, reports, deployments) and how it is committed."""
