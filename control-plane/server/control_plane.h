// All of the control plane, put together in one order and taken apart in the other:
//
//   store → model → vault → authority → observation, intent → identity → sessions → controllers → api → gRPC, HTTPS
//
// Sessions come before controllers, because controllers believe the freshness that sessions have reset. This is the one
// place that knows all modules; it decides nothing.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "control-plane/server/data_dir.h"
#include "control-plane/server/options.h"

namespace perigee::control {

class ControlPlane {
 public:
  // Returns when everything serves and endpoints.json is written. `dir` outlives it.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ControlPlane>> Start(const ServeOptions& options,
                                                                           const DataDir& dir);
  ~ControlPlane();  // stops in good order
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;

  const Endpoints& endpoints() const;

 private:
  class Impl;
  explicit ControlPlane(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace perigee::control
