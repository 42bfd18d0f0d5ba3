output "cluster" {
  description = "The cluster's name: aws eks update-kubeconfig --name …"
  value       = module.cluster.name
}

output "topic" {
  description = "Where alarms are told."
  value       = module.alarms.topic_arn
}

output "environment" {
  description = "k8s/overlays/<environment>/environment.yaml: what the manifests have to know of the account."
  value       = <<-YAML
    # Printed by Terraform: terraform -chdir=terraform/environments/${var.environment} output -raw environment
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: environment
      annotations: { config.kubernetes.io/local-config: "true" }
    data:
      name: ${var.environment}
      region: ${local.region}
      vpc_range: ${module.network.range}
      registry: ${local.account}.dkr.ecr.${local.region}.amazonaws.com
  YAML
}
