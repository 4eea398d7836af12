// Who must be decided again because something has changed. Level-triggered: a
// key stands once, however often it changed. One thread.
#pragma once

#include <map>
#include <set>
#include <string>

#include "control-plane/watch/model.h"

namespace perigee::control {

class DirtyObjects {
 public:
  // Everything there is.
  void MarkAll(const Model& model);
  // What `change` bears on. A status that says nothing new to a decision marks nothing.
  void Mark(const Model& model, const ModelChange& change);
  void MarkWorkload(std::string uid) { workloads_.insert(std::move(uid)); }
  void MarkSatellites(const std::set<std::string>& uids) { satellites_.insert(uids.begin(), uids.end()); }
  void MarkSites(const std::set<std::string>& uids) { sites_.insert(uids.begin(), uids.end()); }
  void MarkHousekeeping() { housekeeping_ = true; }

  std::set<std::string> TakeWorkloads();   // uids
  std::set<std::string> TakeSatellites();  // uids, for their entries
  std::set<std::string> TakeSites();       // uids, for their status
  bool TakeHousekeeping();
  bool empty() const { return workloads_.empty() && satellites_.empty() && sites_.empty() && !housekeeping_; }

 private:
  void MarkWorkloads(const Model& model, std::string_view project);  // empty: all
  void MarkWaitingForRoom(const Model& model);
  void MarkOfSatellite(const Model& model, const ModelChange& change);
  // Whether `content` is not what was last seen of the object; it is from now on.
  bool IsNews(const std::string& uid, std::string content, bool deleted);

  std::set<std::string> workloads_, satellites_, sites_;
  bool housekeeping_ = false;
  std::map<std::string, std::string> seen_;  // uid -> what decisions look at
};

}  // namespace perigee::control
