// Each kind's own rules, beyond what the schema's options say. Private to this module.
#pragma once

#include "proto/perigee/v1/cloud.pb.h"
#include "proto/perigee/v1/meta.pb.h"
#include "proto/perigee/v1/workload.pb.h"
#include "shared/resource/formats.h"

namespace perigee {

void CheckMetadata(const v1::ObjectMeta& meta, bool project_scoped, Findings& findings);
void CheckLabels(const google::protobuf::Map<std::string, std::string>& labels, const std::string& path,
                 Findings& findings);
void CheckSelector(const v1::LabelSelector& selector, const std::string& path, Findings& findings);
void CheckSite(const v1::SiteSpec& spec, Findings& findings);
void CheckProject(const v1::ProjectSpec& spec, Findings& findings);
void CheckConfig(const v1::ConfigSpec& spec, Findings& findings);
void CheckSecret(const v1::SecretSpec& spec, Findings& findings);
void CheckEnrollmentToken(const v1::EnrollmentTokenSpec& spec, Findings& findings);
void CheckWorkload(const v1::WorkloadSpec& spec, Findings& findings);
void CheckTask(const v1::WorkloadTask& task, const std::string& path, Findings& findings);

// The duration in a field whose format was checked; adds an error unless it is longer than zero.
void CheckPositiveDuration(const std::string& text, const std::string& path, Findings& findings);

}  // namespace perigee
