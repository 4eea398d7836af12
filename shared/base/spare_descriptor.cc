#include "shared/base/spare_descriptor.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>

namespace perigee {
namespace {

Fd Take() {
  return Fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

}  // namespace

SpareDescriptor::SpareDescriptor() : fd_(Take()) {}

bool SpareDescriptor::Helps(int error) {
  return error == EMFILE || error == ENFILE;
}

void SpareDescriptor::RefuseOne(int listener) {
  fd_ = Fd();
  Fd refused(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  refused = Fd();
  fd_ = Take();
}

}  // namespace perigee
