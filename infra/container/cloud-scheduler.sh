#!/usr/bin/env bash
# Made by `python -m infra.generate` from the jobs in functions/*/room.py; edit those.
#
# Gives Cloud Scheduler the jobs of a service on Cloud Run, or corrects those that are there:
#
#   PROJECT=mine REGION=europe-west1 URL=https://… VIBELOOM_JOB_TOKEN=… bash cloud-scheduler.sh
set -euo pipefail
: "${PROJECT:?}" "${REGION:?}" "${URL:?}" "${VIBELOOM_JOB_TOKEN:?}"

job() { # job NAME CRON, in UTC
    local id="vibeloom-${1//_/-}" place=(--project "$PROJECT" --location "$REGION")
    local verb=create headers=--headers
    if gcloud scheduler jobs describe "$id" "${place[@]}" >/dev/null 2>&1; then
        verb=update headers=--update-headers
    fi
    gcloud scheduler jobs "$verb" http "$id" "${place[@]}" \
        --schedule "$2" --time-zone Etc/UTC \
        --uri "${URL%/}/v1/jobs/$1" --http-method POST \
        "$headers" "Authorization=Bearer $VIBELOOM_JOB_TOKEN" \
        --attempt-deadline 60s
}

job report_health '*/5 * * * *'
job make_partitions '17 3 * * *'
job refresh_days '7 * * * *'
job purge_expired '41 * * * *'
job run_tasks '*/5 * * * *'
job delete_expired_challenges '43 * * * *'
