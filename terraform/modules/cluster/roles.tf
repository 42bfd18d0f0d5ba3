# Who may do what in AWS. A role for each, with what it needs.

data "aws_iam_policy_document" "trust" {
  for_each = { cluster = "eks.amazonaws.com", machine = "ec2.amazonaws.com" }
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = [each.value]
    }
  }
}

resource "aws_iam_role" "cluster" {
  name               = "${var.name}-cluster"
  assume_role_policy = data.aws_iam_policy_document.trust["cluster"].json
}

resource "aws_iam_role_policy_attachment" "cluster" {
  role       = aws_iam_role.cluster.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
}

resource "aws_iam_role" "machine" {
  name               = "${var.name}-machine"
  assume_role_policy = data.aws_iam_policy_document.trust["machine"].json
}

# To join, and to pull images. Not the network plug-in's rights, which are its own.
resource "aws_iam_role_policy_attachment" "machine" {
  for_each   = toset(["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"])
  role       = aws_iam_role.machine.name
  policy_arn = "arn:aws:iam::aws:policy/${each.value}"
}

# Roles of service accounts: whose each is.
locals {
  pods = {
    network    = { namespace = "kube-system", account = "aws-node" }
    volumes    = { namespace = "kube-system", account = "ebs-csi-controller-sa" }
    autoscaler = { namespace = "kube-system", account = "cluster-autoscaler" }
    secrets    = { namespace = "external-secrets", account = "external-secrets" }
  }
}

# The trust holds for that service account of this cluster alone, whatever an association says.
data "aws_iam_policy_document" "pods_trust" {
  for_each = local.pods
  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]
    principals {
      type        = "Service"
      identifiers = ["pods.eks.amazonaws.com"]
    }
    dynamic "condition" {
      for_each = {
        "aws:SourceAccount"                         = var.account
        "aws:RequestTag/eks-cluster-name"           = var.name
        "aws:RequestTag/kubernetes-namespace"       = each.value.namespace
        "aws:RequestTag/kubernetes-service-account" = each.value.account
      }
      content {
        test     = "StringEquals"
        variable = condition.key
        values   = [condition.value]
      }
    }
  }
}

resource "aws_iam_role" "pods" {
  for_each           = local.pods
  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.pods_trust[each.key].json
}

resource "aws_iam_role_policy_attachment" "pods" {
  for_each = {
    network = "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"
    volumes = "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"
  }
  role       = aws_iam_role.pods[each.key].name
  policy_arn = each.value
}

# The cluster autoscaler looks at everything of its kind, and changes this cluster's groups alone.
data "aws_iam_policy_document" "autoscaler" {
  #checkov:skip=CKV_AWS_356:these actions only describe, and AWS knows no narrower resource for them
  statement {
    actions = [
      "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances",
      "autoscaling:DescribeLaunchConfigurations", "autoscaling:DescribeScalingActivities", "autoscaling:DescribeTags",
      "ec2:DescribeImages", "ec2:DescribeInstanceTypes", "ec2:DescribeLaunchTemplateVersions",
      "ec2:GetInstanceTypesFromInstanceRequirements",
    ]
    resources = ["*"]
  }
  statement {
    actions   = ["eks:DescribeNodegroup"]
    resources = ["arn:aws:eks:${var.region}:${var.account}:nodegroup/${var.name}/*"]
  }
  statement {
    actions   = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]
    resources = ["arn:aws:autoscaling:${var.region}:${var.account}:autoScalingGroup:*"]
    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/eks:cluster-name"
      values   = [var.name]
    }
  }
}

resource "aws_iam_role_policy" "autoscaler" {
  name   = "scale"
  role   = aws_iam_role.pods["autoscaler"].id
  policy = data.aws_iam_policy_document.autoscaler.json
}

# The External Secrets operator reads this environment's secrets.
data "aws_iam_policy_document" "secrets" {
  statement {
    actions   = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
    resources = var.secret_arns
  }
  statement {
    actions   = ["kms:Decrypt"]
    resources = [var.key_arn]
    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "secrets" {
  name   = "read"
  role   = aws_iam_role.pods["secrets"].id
  policy = data.aws_iam_policy_document.secrets.json
}

# Those of add-ons are with the add-ons.
resource "aws_eks_pod_identity_association" "this" {
  for_each        = { for name, pod in local.pods : name => pod if contains(["autoscaler", "secrets"], name) }
  cluster_name    = aws_eks_cluster.this.name
  namespace       = each.value.namespace
  service_account = each.value.account
  role_arn        = aws_iam_role.pods[each.key].arn
}
