"""Quality: alarms with a stated error rate on pass/fail scores and on how calls ended, and whether only the judge moved.

Read in this order: `score` (what comes in), `baseline` and `bets` (the alarm), `level` (the present level), `judge`,
`verdicts`, `noise` and `trial` (system or judge), `stream` (all of it for one stream, as a step), `signals` (what is told).
"""
