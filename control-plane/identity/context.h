// What the classes of this module stand on. All outlive them; all thread-safe.
#pragma once

#include <functional>
#include <string>

#include "shared/base/clock.h"
#include "shared/base/random.h"

namespace perigee::control {

class CertificateAuthority;
class Intent;
class Model;
class Store;

struct IdentityContext {
  Store& store;
  Model& model;
  Intent& intent;
  const CertificateAuthority& authority;
  const Clock& clock;
  Random& random;
  // "https://HOST:PORT" and "HOST:PORT", once they are known.
  std::function<std::string()> https_endpoint;
  std::function<std::string()> grpc_endpoint;
};

}  // namespace perigee::control
