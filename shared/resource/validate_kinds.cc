// Rules of metadata and of the small kinds.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "shared/base/limits.h"
#include "shared/resource/field_path.h"
#include "shared/resource/kind_rules.h"
#include "shared/resource/placeholders.h"
#include "shared/resource/quantity.h"
#include "shared/resource/validate.h"

namespace perigee {
namespace {

constexpr size_t kAnnotationsBytes = 256 << 10;
constexpr int kMostTokenUses = 10'000;
constexpr absl::Duration kLongestTokenTtl = absl::Hours(24 * 30);

using Texts = google::protobuf::Map<std::string, std::string>;

uint64_t TotalBytes(const Texts& texts) {
  uint64_t bytes = 0;
  for (const auto& [key, value] : texts) bytes += key.size() + value.size();
  return bytes;
}

void CheckKeys(const Texts& texts, const std::string& path, Findings& findings) {
  for (const auto& [key, value] : texts) findings.AddStatus(KeyPath(path, key), CheckDataKey(key));
}

void CheckTotal(const Texts& texts, uint64_t limit, const std::string& path, Findings& findings) {
  const uint64_t bytes = TotalBytes(texts);
  if (bytes > limit) {
    findings.Add(path,
                 absl::StrCat("all of it together has ", bytes, " bytes; at most ", limit, " are possible"));
  }
}

bool IsUpperCode(const std::string& text, size_t length) {
  return text.size() == length &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return absl::ascii_isupper(c); });
}

void CheckRange(double value, double least, double most, const std::string& path, Findings& findings) {
  if (!(value >= least && value <= most)) {
    findings.Add(path, absl::StrCat(value, " is not between ", least, " and ", most));
  }
}

}  // namespace

void CheckPositiveDuration(const std::string& text, const std::string& path, Findings& findings) {
  const auto duration = ParseDuration(text);  // what is none was reported as a wrong format
  if (!text.empty() && duration.ok() && *duration <= absl::ZeroDuration()) {
    findings.Add(path, "must be longer than zero");
  }
}

void CheckLabels(const Texts& labels, const std::string& path, Findings& findings) {
  if (labels.size() > static_cast<size_t>(limits::kLabels)) {
    findings.Add(path, absl::StrCat(labels.size(), " labels; at most ", limits::kLabels, " are possible"));
  }
  for (const auto& [key, value] : labels) {
    findings.AddStatus(KeyPath(path, key), ValidateLabelKey(key));
    findings.AddStatus(KeyPath(path, key), ValidateLabelValue(value));
  }
}

void CheckMetadata(const v1::ObjectMeta& meta, bool project_scoped, Findings& findings) {
  if (project_scoped && meta.project().empty()) findings.Add("metadata.project", "required");
  if (!project_scoped && !meta.project().empty()) {
    findings.Add("metadata.project", "this kind belongs to no project; leave it out");
  }
  CheckLabels(meta.labels(), "metadata.labels", findings);
  for (const auto& [key, value] : meta.annotations()) {
    findings.AddStatus(KeyPath("metadata.annotations", key), ValidateLabelKey(key));
  }
  CheckTotal(meta.annotations(), kAnnotationsBytes, "metadata.annotations", findings);
}

void CheckSelector(const v1::LabelSelector& selector, const std::string& path, Findings& findings) {
  CheckLabels(selector.match_labels(), FieldPath(path, "matchLabels"), findings);
  for (int i = 0; i < selector.match_expressions_size(); ++i) {
    const auto& requirement = selector.match_expressions(i);
    const std::string at = ElementPath(FieldPath(path, "matchExpressions"), static_cast<size_t>(i));
    if (!requirement.key().empty())
      findings.AddStatus(FieldPath(at, "key"), ValidateLabelKey(requirement.key()));
    const bool set = requirement.operator_() == "In" || requirement.operator_() == "NotIn";
    if (set && requirement.values().empty()) {
      findings.Add(FieldPath(at, "values"), absl::StrCat("required with operator ", requirement.operator_()));
    }
    if (!set && !requirement.values().empty()) {
      findings.Add(FieldPath(at, "values"),
                   absl::StrCat("operator ", requirement.operator_(), " takes no values"));
    }
    for (int j = 0; j < requirement.values_size(); ++j) {
      findings.AddStatus(ElementPath(FieldPath(at, "values"), static_cast<size_t>(j)),
                         ValidateLabelValue(requirement.values(j)));
    }
  }
}

void CheckSite(const v1::SiteSpec& spec, Findings& findings) {
  CheckRange(spec.location().latitude(), -90, 90, "spec.location.latitude", findings);
  CheckRange(spec.location().longitude(), -180, 180, "spec.location.longitude", findings);
  if (!spec.location().country().empty() && !IsUpperCode(spec.location().country(), 2)) {
    findings.Add("spec.location.country", "must be two capital letters (ISO 3166-1), for example DE",
                 absl::AsciiStrToUpper(spec.location().country().substr(0, 2)));
  }
  if (!spec.pricing().currency().empty() && !IsUpperCode(spec.pricing().currency(), 3)) {
    findings.Add("spec.pricing.currency", "must be three capital letters (ISO 4217), for example EUR");
  }
  constexpr double kMost = 1e9;
  CheckRange(spec.pricing().cpu_hour(), 0, kMost, "spec.pricing.cpuHour", findings);
  CheckRange(spec.pricing().memory_gi_b_hour(), 0, kMost, "spec.pricing.memoryGiBHour", findings);
  CheckRange(spec.pricing().carbon_grams_per_cpu_hour(), 0, kMost, "spec.pricing.carbonGramsPerCpuHour",
             findings);
  CheckKeys(spec.values(), "spec.values", findings);
  CheckTotal(spec.values(), limits::kStringLength, "spec.values", findings);
}

void CheckProject(const v1::ProjectSpec& spec, Findings& findings) {
  CheckSelector(spec.sites(), "spec.sites", findings);
}

void CheckConfig(const v1::ConfigSpec& spec, Findings& findings) {
  CheckKeys(spec.data(), "spec.data", findings);
  CheckTotal(spec.data(), limits::kConfigBytes, "spec.data", findings);
  for (const auto& [key, text] : spec.data()) {
    if (auto unknown = FindMistypedPlaceholder(text))
      findings.Add(KeyPath("spec.data", key), std::move(unknown->message), std::move(unknown->suggestion));
  }
}

void CheckSecret(const v1::SecretSpec& spec, Findings& findings) {
  if (spec.data().empty() && spec.encrypted().empty()) {
    findings.Add("spec.data", "required; what `get` prints of a Secret has no data in it");
  }
  CheckKeys(spec.data(), "spec.data", findings);
  CheckTotal(spec.data(), limits::kConfigBytes, "spec.data", findings);
}

void CheckEnrollmentToken(const v1::EnrollmentTokenSpec& spec, Findings& findings) {
  CheckLabels(spec.labels(), "spec.labels", findings);
  CheckPositiveDuration(spec.ttl(), "spec.ttl", findings);
  const auto ttl = ParseDuration(spec.ttl());
  if (ttl.ok() && *ttl > kLongestTokenTtl) findings.Add("spec.ttl", "longer than 30 days (720h)");
  if (spec.uses() < 0 || spec.uses() > kMostTokenUses) {
    findings.Add("spec.uses", absl::StrCat("must be between 1 and ", kMostTokenUses));
  }
}

}  // namespace perigee
