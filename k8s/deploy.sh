#!/bin/sh
# deploy.sh OVERLAY: brings a cluster to what an overlay says, in the order in which it has to happen, and waits:
# settings and secrets, then databases, then tables, and only then the services. May be run any number of times.
# KUBECTL may be another command, with a context for example: KUBECTL="kubectl --context staging".
set -eu
overlay=${1:?an overlay: k8s/overlays/local, …}
kubectl() { ${KUBECTL:-command kubectl} --namespace onhand "$@"; }

# What is cut off here has not been done; in seconds, those of the Jobs and the Deployments.
SECRETS_WITHIN=300 DATABASES_WITHIN=900 MIGRATED_WITHIN=7200 STARTED_WITHIN=900

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
${KUBECTL:-command kubectl} kustomize "$overlay" >"$work/all.yaml"
# Fields that others set too, such as replicas, stay theirs.
apply() { kubectl apply --server-side --filename="$work/all.yaml" "$@"; }

# once NAME SECONDS: runs the Job anew. It cannot be changed, so the last one goes.
once() {
  kubectl delete job "$1" --ignore-not-found --wait
  apply --selector="onhand/step=$1"
  waited=0
  while [ "$waited" -lt "$2" ]; do
    ended=$(kubectl get job "$1" --output=jsonpath='{.status.conditions[?(@.status=="True")].type}')
    case " $ended " in
      *" Complete "*) return ;;
      *" Failed "*) break ;;
    esac
    sleep 2
    waited=$((waited + 2))
  done
  kubectl logs "job/$1" --tail=50 >&2 || true
  echo "deploy.sh: $1 failed; no service was replaced" >&2
  exit 1
}

echo "== settings, secrets, and who may talk to whom"
apply --selector='onhand/step notin (databases,broker,migrate,serve)'
if grep -q '^kind: ExternalSecret' "$work/all.yaml"; then
  kubectl wait externalsecret --all --for=condition=Ready --timeout="${SECRETS_WITHIN}s"
fi
for back_end in $(kubectl get statefulset --output=name); do
  kubectl rollout status "$back_end" --timeout="${DATABASES_WITHIN}s"
done
echo "== databases"
once databases "$DATABASES_WITHIN"
if grep -q '^    onhand/step: broker' "$work/all.yaml"; then
  echo "== broker"
  once broker "$DATABASES_WITHIN"
fi
echo "== migrate"
once migrate "$MIGRATED_WITHIN"
echo "== services"
apply --selector=onhand/step=serve
for service in $(kubectl get deployment --selector=onhand/step=serve --output=name); do
  kubectl rollout status "$service" --timeout="${STARTED_WITHIN}s"
done
