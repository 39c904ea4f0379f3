"""QuikApp's own endpoints: `/api/ml/…`, `/health`, `/metrics`."""
