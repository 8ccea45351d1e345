"""The ledger of the papers' claims: what was claimed, how it is tested, what came out.

Statements, tests and thresholds are in one `SLUG.yml` a paper and were fixed before any
result; verdicts are computed from the stored results of `synthbook.evaluation`.
"""

from synthbook.claims.ledger import Claim, Threshold, claims_of, report, slugs, text

__all__ = ["Claim", "Threshold", "claims_of", "report", "slugs", "text"]
