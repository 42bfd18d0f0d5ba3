# EKS with managed machines. Rights inside AWS go to service accounts by Pod Identity, never to machines; who may use
# Kubernetes is said by access entries, and whoever created the cluster gets nothing by that.

resource "aws_cloudwatch_log_group" "control_plane" {
  # EKS would make it itself, without end and without a key.
  name              = "/aws/eks/${var.name}/cluster"
  retention_in_days = var.log_days
  kms_key_id        = var.key_arn
}

resource "aws_eks_cluster" "this" {
  name     = var.name
  version  = var.kubernetes_version
  role_arn = aws_iam_role.cluster.arn

  enabled_cluster_log_types = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
  # Add-ons are named below, with their versions and roles.
  bootstrap_self_managed_addons = false

  access_config {
    authentication_mode                         = "API"
    bootstrap_cluster_creator_admin_permissions = false
  }
  encryption_config {
    resources = ["secrets"]
    provider { key_arn = var.key_arn }
  }
  upgrade_policy {
    # Moved on by AWS when its time is over, not kept at six times the price.
    support_type = "STANDARD"
  }
  vpc_config {
    subnet_ids              = var.subnet_ids
    endpoint_private_access = true
    endpoint_public_access  = length(var.admin_ranges) > 0
    public_access_cidrs     = length(var.admin_ranges) > 0 ? var.admin_ranges : null
  }

  depends_on = [aws_cloudwatch_log_group.control_plane, aws_iam_role_policy_attachment.cluster]
}

resource "aws_eks_access_entry" "admin" {
  for_each      = toset(var.admin_arns)
  cluster_name  = aws_eks_cluster.this.name
  principal_arn = each.value
}

resource "aws_eks_access_policy_association" "admin" {
  for_each      = aws_eks_access_entry.admin
  cluster_name  = aws_eks_cluster.this.name
  principal_arn = each.value.principal_arn
  policy_arn    = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
  access_scope { type = "cluster" }
}

# What a machine needs to be one, before there are any: its network with its policies, its proxy, and roles for pods.
resource "aws_eks_addon" "first" {
  for_each = {
    vpc-cni                = jsonencode({ enableNetworkPolicy = "true" })
    kube-proxy             = null
    eks-pod-identity-agent = null
  }
  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = data.aws_eks_addon_version.recommended[each.key].version
  configuration_values        = each.value
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  dynamic "pod_identity_association" {
    for_each = each.key == "vpc-cni" ? [1] : []
    content {
      service_account = local.pods.network.account
      role_arn        = aws_iam_role.pods["network"].arn
    }
  }
}

# What runs on machines, and is not well before there are some.
resource "aws_eks_addon" "then" {
  for_each                    = toset(["coredns", "metrics-server", "aws-ebs-csi-driver"])
  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = data.aws_eks_addon_version.recommended[each.key].version
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  dynamic "pod_identity_association" {
    for_each = each.key == "aws-ebs-csi-driver" ? [1] : []
    content {
      service_account = local.pods.volumes.account
      role_arn        = aws_iam_role.pods["volumes"].arn
    }
  }

  depends_on = [aws_eks_node_group.this]
}

data "aws_eks_addon_version" "recommended" {
  for_each = toset([
    "vpc-cni", "kube-proxy", "eks-pod-identity-agent", "coredns", "metrics-server", "aws-ebs-csi-driver",
  ])
  addon_name         = each.key
  kubernetes_version = aws_eks_cluster.this.version
}
