// What waits to be written on one stream, in order, but that what keeps a session alive does not wait behind a large
// delta. Bounded: one delta is on its way to a satellite at a time, so what is beyond it means a peer that does not
// read. Pure; not thread-safe.
//
//   if (!queue.Push(std::move(message))) Cancel();
//   if (const auto* next = queue.Begin()) StartWrite(next);   // ... and when it was written: queue.End();
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>

#include "proto/perigee/v1/satellite.pb.h"

namespace perigee::control {

class SendQueue {
 public:
  // False: more waits than there can be for a peer that reads.
  [[nodiscard]] bool Push(v1::FromControlPlane message);
  // The one to be written now; valid until End. Null when none waits.
  const v1::FromControlPlane* Begin();
  void End();

 private:
  struct Waiting {
    v1::FromControlPlane message;
    uint64_t bytes = 0;
  };
  std::list<Waiting> waiting_;  // the first is being written, and so stays where it is, while begun_
  bool begun_ = false;
  uint64_t bytes_ = 0;
};

}  // namespace perigee::control
