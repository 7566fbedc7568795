{{- define "holdfast.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 53 | trimSuffix "-" -}}
{{- end -}}

{{- define "holdfast.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 53 | trimSuffix "-" -}}
{{- else if contains (include "holdfast.name" .) .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "holdfast.name" .) | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.selectorLabels" -}}
app.kubernetes.io/name: {{ include "holdfast.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "holdfast.labels" -}}
{{ include "holdfast.selectorLabels" . }}
app.kubernetes.io/part-of: holdfast
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "holdfast.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "holdfast.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.leaseName" -}}
{{- printf "%s-leader" (include "holdfast.fullname" .) -}}
{{- end -}}

{{/*
What the operator may do in the namespaces it serves. It stands here once, for the ClusterRole and for the Role of a single namespace.
Whoever grants a right must hold it: the rights that agents get (their Shard, the annotations of their RecoveryLog) are all among these.
*/}}
{{- define "holdfast.rules" -}}
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [create, delete, get, list, patch, watch]
- apiGroups: [""]
  resources: [secrets] # credentials of a JournalStore, one by one by the name its spec gives; never a list
  {{- with .Values.rbac.storeSecretNames }}
  resourceNames: {{ toYaml . | nindent 4 }}
  {{- end }}
  verbs: [get]
- apiGroups: [""]
  resources: [serviceaccounts, services]
  verbs: [create, get, patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
- apiGroups: [holdfast.dev]
  resources: [journalstores, shards]
  verbs: [get, list, patch, watch] # patch: to take a request annotation off again, and finalizers
- apiGroups: [holdfast.dev]
  resources: [recoverylogs]
  verbs: [create, get, list, patch, update, watch] # update: agents get it, for the hints
- apiGroups: [holdfast.dev]
  resources: [journalstores/status, recoverylogs/status, shards/status]
  verbs: [get, patch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [create, get, patch]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [rolebindings, roles] # one pair a shard, for its agents
  verbs: [create, get, patch]
{{- end -}}

{{/* Rights on objects that live in no namespace. */}}
{{- define "holdfast.clusterRules" -}}
- apiGroups: [""]
  resources: [nodes]
  verbs: [get, list, watch]
{{- end -}}
