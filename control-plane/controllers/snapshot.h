// What one decision looks at, taken from the model at one moment.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control-plane/compile/compile.h"
#include "control-plane/watch/model.h"
#include "proto/perigee/v1/cloud.pb.h"
#include "proto/perigee/v1/stored.pb.h"
#include "proto/perigee/v1/workload.pb.h"

namespace perigee::control {

using WorkloadPtr = std::shared_ptr<const v1::Workload>;
using RevisionPtr = std::shared_ptr<const v1::WorkloadRevision>;
using AssignmentPtr = std::shared_ptr<const v1::Assignment>;
using SitePtr = std::shared_ptr<const v1::Site>;
using SatellitePtr = std::shared_ptr<const v1::Satellite>;
using ConfigPtr = std::shared_ptr<const v1::Config>;
using SecretPtr = std::shared_ptr<const v1::Secret>;
using ProjectPtr = std::shared_ptr<const v1::Project>;

// What is stored at a satellite for one assignment.
struct StoredReplica {
  std::string source;  // of its replica entry; empty: there is none
  std::string sha256;
  bool permit_stored = false;  // the permit that the assignment holds has been compiled: it is used
  absl::Status problem;        // why its entry could not be made when that was last tried
};

struct WorkloadSnapshot {
  int64_t revision = 0;  // of the model
  WorkloadPtr workload;
  ProjectPtr project;                              // null when the project has no object
  std::vector<RevisionPtr> revisions;              // of the workload, by number
  std::vector<AssignmentPtr> assignments;          // of the workload
  std::map<std::string, SitePtr> sites;            // by uid; all
  std::map<std::string, SatellitePtr> satellites;  // by uid; all
  std::vector<AssignmentPtr> placed;               // of every workload, on satellites that may be chosen
  std::map<std::string, ConfigPtr> configs;        // of the project, by name, without those being deleted
  std::map<std::string, SecretPtr> secrets;
  std::map<std::string, StoredReplica> stored;  // by assignment uid; those of `assignments`
};

struct SatelliteSnapshot {
  SatellitePtr satellite;  // null when it was deleted
  std::string satellite_uid;
  SitePtr site;
  std::vector<AssignmentPtr> assignments;                           // on it
  std::map<std::string, RevisionPtr> revisions;                     // by uid, those of the assignments
  std::map<std::string, std::string> workload_kinds;                // by workload uid
  std::map<std::string, std::map<std::string, ConfigPtr>> configs;  // project -> name
  std::map<std::string, std::map<std::string, SecretPtr>> secrets;
};

class EntryCache;
// Null workload: it is gone. Loads what is stored of the satellites concerned.
absl::StatusOr<WorkloadSnapshot> SnapshotWorkload(const Model& model, EntryCache& entries,
                                                  std::string_view uid);
// Only what DecideRevision looks at, and the replicas.
WorkloadSnapshot SnapshotForRevision(const Model& model, std::string_view uid);
SatelliteSnapshot SnapshotSatellite(const Model& model, std::string_view uid);

}  // namespace perigee::control
