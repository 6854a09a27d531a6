//! The manifests as `kubectl kustomize` builds them, by Kubernetes' own schemas and by what a cluster asks of pods.

use super::alerts::RULES;
use super::{checker, passed};
use serde_yaml::{Mapping, Value};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

pub(crate) const FOLDER: &str = "deploy/kubernetes";
const OVERLAYS: [&str; 3] = ["configmap", "git-sync", "two-apps"];
const RULE: &str = "deploy/kubernetes/components/prometheus-operator/prometheus-rule.yaml";
/// API of Prometheus's operator, of which Kubernetes has no schemas.
const OPERATOR: &str = "monitoring.coreos.com/v1";

/// Every document of a text.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text)
        .map(|document| <Value as serde::Deserialize>::deserialize(document).unwrap())
        .collect()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value:?}"))
}

pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_sequence().map_or(&[], Vec::as_slice)
}

fn build(folder: &Path) -> Option<Vec<Value>> {
    let built = checker("kubectl", &["kustomize", folder.to_str().unwrap()])?;
    let built = documents(&passed(&built));
    assert!(built.len() > 3, "{built:?}");
    Some(built)
}

/// The documents of every overlay, and once more of each in which the operator's component is switched on.
fn overlays() -> Option<Vec<(String, Vec<Value>)>> {
    let folder = tempfile::tempdir().unwrap();
    let copied = Command::new("cp")
        .arg("-r")
        .arg(FOLDER)
        .arg(folder.path())
        .status();
    assert!(copied.unwrap().success());
    let mut built = Vec::new();
    for overlay in OVERLAYS {
        let own = Path::new(FOLDER).join("overlays").join(overlay);
        built.push((overlay.to_owned(), build(&own)?));
        let copy = folder.path().join("kubernetes/overlays").join(overlay);
        let file = copy.join("kustomization.yaml");
        let off = fs::read_to_string(&file).unwrap();
        let on = off.replace("\n# components: [", "\ncomponents: [");
        assert_ne!(on, off, "{overlay} offers no component");
        fs::write(file, on).unwrap();
        built.push((format!("{overlay}, monitored"), build(&copy)?));
    }
    Some(built)
}

fn of_kind<'a>(built: &'a [Value], kind: &str) -> Vec<&'a Value> {
    built.iter().filter(|document| document["kind"] == kind).collect()
}

fn pod(set: &Value) -> &Value {
    &set["spec"]["template"]["spec"]
}

#[test]
fn kubernetes_takes_every_overlay() {
    let Some(overlays) = overlays() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("manifests.yaml");
    let check = |documents: &[&Value]| {
        let texts: Vec<String> = documents
            .iter()
            .map(|document| serde_yaml::to_string(document).unwrap())
            .collect();
        fs::write(&path, texts.join("---\n")).unwrap();
        checker("kubernetes-validate", &["--strict", path.to_str().unwrap()])
    };
    for (overlay, built) in &overlays {
        let (others, own): (Vec<&Value>, Vec<&Value>) = built
            .iter()
            .partition(|document| document["apiVersion"] == OPERATOR);
        // These two have no schema there: the tests below look at what they hold.
        let others: BTreeSet<&str> = others.iter().map(|document| text(&document["kind"])).collect();
        let wanted: &[&str] = match overlay.ends_with("monitored") {
            true => &["PodMonitor", "PrometheusRule"],
            false => &[],
        };
        assert!(
            others.iter().copied().eq(wanted.iter().copied()),
            "{overlay}: {others:?}"
        );
        let Some(checked) = check(&own) else { return };
        let said = passed(&checked);
        assert_eq!(
            said.matches(" passed for resource ").count(),
            own.len(),
            "{overlay}: {said}"
        );
    }
    let secret = fs::read_to_string(format!("{FOLDER}/base/secret.example.yaml")).unwrap();
    passed(&check(&documents(&secret).iter().collect::<Vec<_>>()).unwrap());
    // And it would find a misspelled key.
    let mut wrong = of_kind(&overlays[0].1, "StatefulSet")[0].clone();
    wrong["spec"]["template"]["spec"]["toleration"] =
        wrong["spec"]["template"]["spec"]["tolerations"].clone();
    assert!(!check(&[&wrong]).unwrap().status.success());
}

/// By the Pod Security Standard `restricted`, and with nothing to write to but its volumes.
#[test]
fn no_pod_can_do_more_than_it_needs() {
    let Some(overlays) = overlays() else { return };
    for (overlay, built) in &overlays {
        for set in of_kind(built, "StatefulSet") {
            let pod = pod(set);
            for key in [
                "hostNetwork",
                "hostPID",
                "hostIPC",
                "shareProcessNamespace",
                "serviceAccountName",
            ] {
                assert!(pod[key].is_null(), "{overlay}: {key}");
            }
            assert_eq!(pod["automountServiceAccountToken"], false, "{overlay}");
            let of_pod = &pod["securityContext"];
            assert_eq!(of_pod["runAsNonRoot"], true, "{overlay}");
            assert!(of_pod["runAsUser"].as_u64().unwrap() >= 1000, "{overlay}");
            assert_eq!(of_pod["seccompProfile"]["type"], "RuntimeDefault", "{overlay}");
            // Else each start would open to the group what the daemon has made for itself alone.
            assert_eq!(of_pod["fsGroupChangePolicy"], "OnRootMismatch", "{overlay}");
            let containers: Vec<&Value> = ["containers", "initContainers"]
                .iter()
                .flat_map(|key| list(&pod[*key]))
                .collect();
            assert!(!containers.is_empty());
            for container in containers {
                let own = &container["securityContext"];
                let name = text(&container["name"]);
                assert_eq!(own["allowPrivilegeEscalation"], false, "{overlay}, {name}");
                assert_eq!(own["readOnlyRootFilesystem"], true, "{overlay}, {name}");
                assert!(own["privileged"].is_null(), "{overlay}, {name}");
                let capabilities: Value = serde_yaml::from_str("{drop: [ALL]}").unwrap();
                assert_eq!(own["capabilities"], capabilities, "{overlay}, {name}");
                assert!(own["runAsUser"].is_null() || own["runAsUser"].as_u64().unwrap() >= 1000);
                for key in ["runAsNonRoot", "seccompProfile"] {
                    assert!(own[key].is_null(), "{overlay}, {name}: the pod's {key} counts");
                }
                let resources = &container["resources"];
                assert!(resources["limits"]["memory"].is_string(), "{overlay}, {name}");
                assert!(resources["requests"]["cpu"].is_string(), "{overlay}, {name}");
                // `images` has put a real one for the placeholder.
                let image = text(&container["image"]);
                assert!(image.contains('/') && image.contains(':'), "{overlay}: {image}");
            }
            for volume in list(&pod["volumes"]) {
                let kinds = ["configMap", "secret", "emptyDir"];
                let known = kinds.iter().filter(|kind| !volume[**kind].is_null()).count();
                assert_eq!(
                    (known, volume.as_mapping().unwrap().len()),
                    (1, 2),
                    "{overlay}: {volume:?}"
                );
            }
        }
    }
}

#[test]
fn there_is_one_pod_an_app_which_follows_its_volume() {
    let Some(overlays) = overlays() else { return };
    for (overlay, built) in &overlays {
        let sets = of_kind(built, "StatefulSet");
        assert_eq!(sets.len(), if overlay.starts_with("two-apps") { 2 } else { 1 });
        for set in &sets {
            let spec = &set["spec"];
            assert_eq!(spec["replicas"], 1, "{overlay}");
            // By default a rollout waits for a pod that is not ready, and with bad settings it never is.
            assert_eq!(spec["podManagementPolicy"], "Parallel", "{overlay}");
            assert_eq!(spec["serviceName"], set["metadata"]["name"], "{overlay}");
            let claim = &spec["volumeClaimTemplates"][0];
            assert_eq!(claim["spec"]["accessModes"][0], "ReadWriteOncePod", "{overlay}");
            for key in ["whenDeleted", "whenScaled"] {
                assert_eq!(
                    spec["persistentVolumeClaimRetentionPolicy"][key], "Retain",
                    "{overlay}"
                );
            }
            let mut lost = BTreeSet::new();
            for toleration in list(&pod(set)["tolerations"]) {
                assert_eq!(toleration["effect"], "NoExecute", "{overlay}");
                assert_eq!(toleration["tolerationSeconds"], 60, "{overlay}");
                lost.insert(text(&toleration["key"]));
            }
            let keys = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
            assert!(lost.into_iter().eq(keys), "{overlay}");
            assert_eq!(pod(set)["terminationGracePeriodSeconds"], 30, "{overlay}");
            let claimed = text(&claim["metadata"]["name"]);
            let mounts = list(&pod(set)["containers"][0]["volumeMounts"]).iter();
            let written: Vec<&Value> = mounts.filter(|mount| mount["readOnly"] != true).collect();
            assert_eq!(written.len(), 1, "{overlay}");
            assert_eq!(written[0]["name"], claimed, "{overlay}");
        }
    }
}

#[test]
fn what_is_named_is_there_and_nothing_selects_another_apps_pod() {
    let Some(overlays) = overlays() else { return };
    for (overlay, built) in &overlays {
        let maps: BTreeSet<&str> = of_kind(built, "ConfigMap")
            .iter()
            .map(|map| text(&map["metadata"]["name"]))
            .collect();
        let mut secrets = BTreeSet::new();
        let sets = of_kind(built, "StatefulSet");
        for set in &sets {
            for volume in list(&pod(set)["volumes"]) {
                if let Some(map) = volume["configMap"]["name"].as_str() {
                    assert!(maps.contains(map), "{overlay}: {map}");
                    // Room files keep their name, so that the daemon follows them; other settings are another pod.
                    let hashed = map.rsplit('-').next().unwrap().len() == 10;
                    assert_eq!(hashed, volume["name"] == "settings", "{overlay}: {map}");
                } else if let Some(secret) = volume["secret"]["secretName"].as_str() {
                    secrets.insert(secret);
                }
            }
            let labels = &set["spec"]["template"]["metadata"]["labels"];
            assert_eq!(set["spec"]["selector"]["matchLabels"], *labels, "{overlay}");
        }
        assert_eq!(secrets.len(), sets.len(), "{overlay}: {secrets:?}");
        for (kind, at) in [("Service", "selector"), ("NetworkPolicy", "podSelector")] {
            let found = of_kind(built, kind);
            assert_eq!(found.len(), sets.len(), "{overlay}: {kind}");
            for document in found {
                let selector = &document["spec"][at];
                let selector = selector.get("matchLabels").unwrap_or(selector);
                let selects = |set: &&&Value| {
                    let labels = &set["spec"]["template"]["metadata"]["labels"];
                    let selector = selector.as_mapping().unwrap();
                    !selector.is_empty() && selector.iter().all(|(key, value)| labels[key] == *value)
                };
                assert_eq!(sets.iter().filter(selects).count(), 1, "{overlay}: {kind}");
            }
        }
    }
}

#[test]
fn in_comes_a_scrape_and_out_go_names_and_https() {
    let Some(overlays) = overlays() else { return };
    for (overlay, built) in &overlays {
        for policy in of_kind(built, "NetworkPolicy") {
            let spec = &policy["spec"];
            assert_eq!(
                serde_yaml::to_string(&spec["policyTypes"]).unwrap(),
                "- Ingress\n- Egress\n"
            );
            let ports = |rules: &Value| -> BTreeSet<String> {
                let rules = list(rules).iter();
                let ports = rules.flat_map(|rule| {
                    assert!(
                        !list(&rule["ports"]).is_empty(),
                        "{overlay}: a rule for all ports"
                    );
                    list(&rule["ports"])
                });
                let shown = |port: &Value| match port.as_u64() {
                    Some(number) => number.to_string(),
                    None => text(port).to_owned(),
                };
                ports
                    .map(|port| format!("{} {}", text(&port["protocol"]), shown(&port["port"])))
                    .collect()
            };
            assert!(ports(&spec["ingress"]).into_iter().eq(["TCP http"]), "{overlay}");
            let out = ["TCP 443", "TCP 53", "UDP 53"];
            assert!(ports(&spec["egress"]).into_iter().eq(out), "{overlay}");
        }
        for monitor in of_kind(built, "PodMonitor") {
            let spec = &monitor["spec"];
            let known = ["jobLabel", "podMetricsEndpoints", "selector"];
            assert!(keys(spec).into_iter().eq(known), "{overlay}");
            for set in of_kind(built, "StatefulSet") {
                let labels = &set["spec"]["template"]["metadata"]["labels"];
                for (key, value) in spec["selector"]["matchLabels"].as_mapping().unwrap() {
                    assert_eq!(labels[key], *value, "{overlay}");
                }
                // The alerts ask for this job.
                assert_eq!(labels[text(&spec["jobLabel"])], "roomsync", "{overlay}");
                let endpoint = &spec["podMetricsEndpoints"][0];
                assert!(
                    keys(endpoint).into_iter().eq(["interval", "path", "port"]),
                    "{overlay}"
                );
                assert_eq!(endpoint["port"], pod(set)["containers"][0]["ports"][0]["name"]);
            }
        }
    }
}

fn keys(map: &Value) -> BTreeSet<&str> {
    let map: &Mapping = map.as_mapping().unwrap();
    map.keys().map(text).collect()
}

/// With OVERWRITE in the environment, writes it.
#[test]
fn the_operators_rule_is_made_from_the_alerts() {
    let rules: Value = serde_yaml::from_str(&fs::read_to_string(RULES).unwrap()).unwrap();
    assert!(keys(&rules).into_iter().eq(["groups"]));
    let head = "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: roomsync\n";
    let mut rule: Value = serde_yaml::from_str(head).unwrap();
    rule["spec"] = rules;
    let made = serde_yaml::to_string(&rule).unwrap();
    let made = format!(
        "# Made from {RULES}, which has the comments:\n#   OVERWRITE=1 cargo test --test real deploy::manifests\n{made}"
    );
    if std::env::var_os("OVERWRITE").is_some() {
        fs::write(RULE, &made).unwrap();
    }
    let kept = fs::read_to_string(RULE).unwrap_or_default();
    assert!(
        kept == made,
        "{RULE} is not what {RULES} gives: see its first lines"
    );

    // What the operator puts before Prometheus.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.yaml");
    let spec: Value = serde_yaml::from_str::<Value>(&kept).unwrap()["spec"].clone();
    fs::write(&path, serde_yaml::to_string(&spec).unwrap()).unwrap();
    if let Some(checked) = checker("promtool", &["check", "rules", path.to_str().unwrap()]) {
        passed(&checked);
    }
}
