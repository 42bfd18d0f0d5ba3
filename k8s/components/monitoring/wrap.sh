#!/bin/sh
# Brings what is in observability/ to the cluster: a PrometheusRule for each file of rules, and a ConfigMap for each
# dashboard. To be run after a rule was changed, or a file came or went: `cargo test -p xtask` says so when it was not.
set -eu
cd "$(dirname "$0")"
source=../../../observability

rm -f prometheus/rules-*.yaml
exec >prometheus/kustomization.yaml
echo "# Made by ../wrap.sh."
echo "apiVersion: kustomize.config.k8s.io/v1beta1"
echo "kind: Kustomization"
echo "resources:"
echo "  - servicemonitors.yaml"
for file in "$source"/rules/*.yml; do
  [ -e "$file" ] || continue
  name=$(basename "$file" .yml)
  {
    echo "# Made of observability/rules/$name.yml by ../wrap.sh: change that."
    echo "apiVersion: monitoring.coreos.com/v1"
    echo "kind: PrometheusRule"
    echo "metadata:"
    echo "  name: onhand-$name"
    echo "spec:"
    sed 's/^\(.\)/  \1/' "$file"
  } >"prometheus/rules-$name.yaml"
  echo "  - rules-$name.yaml"
done

exec >"$source/kustomization.yaml"
echo "# Made by k8s/components/monitoring/wrap.sh. The dashboards, for Grafana's sidecar in a cluster, which takes what has"
echo "# this label. One ConfigMap each: together they would be too large for one."
echo "apiVersion: kustomize.config.k8s.io/v1beta1"
echo "kind: Kustomization"
echo "generatorOptions:"
echo "  disableNameSuffixHash: true"
echo '  labels: { grafana_dashboard: "1" }'
echo "configMapGenerator:"
for file in "$source"/grafana/dashboards/*.json; do
  name=$(basename "$file" .json)
  echo "  - { name: dashboard-$name, files: [grafana/dashboards/$name.json] }"
done
