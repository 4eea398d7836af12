// One descriptor kept back for the moment when a server has no other. Without one, a connection could be neither
// accepted nor refused: it would stay in the backlog and wake the server's loop for ever, and its client would wait.
#pragma once

#include "shared/base/files.h"

namespace perigee {

class SpareDescriptor {
 public:
  SpareDescriptor();
  // Whether an accept that failed with this errno lacked a descriptor.
  static bool Helps(int error);
  // Closes the oldest connection that waits at `listener`, which must have one or not block.
  void RefuseOne(int listener);

 private:
  Fd fd_;  // not valid while the whole host has none; taken again with the next refusal
};

}  // namespace perigee
