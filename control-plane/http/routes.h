// What the front serves, without a word of HTTP's grammar.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "control-plane/http/https_front.h"

namespace perigee::control {

struct HttpRequest {
  std::string body;
  std::string address;  // LimitKey of the peer
};

struct HttpReply {
  int status = 200;
  std::string content_type;
  std::string body;
};

struct Route {
  std::string method;  // "GET" or "POST"
  std::string path;
  std::function<HttpReply(const HttpRequest&)> serve;
  std::string name() const { return method + " " + path; }
};

// `deps` is copied.
std::vector<Route> RoutesOf(const HttpsFrontDeps& deps);

HttpReply ReplyWith(const absl::Status& error);

}  // namespace perigee::control
