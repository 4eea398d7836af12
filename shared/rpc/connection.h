// How long-lived connections are kept: alive through NAT and proxies, and
// noticed when dead within kPingEvery + kPingTimeout (gRPC sets TCP_USER_TIMEOUT to kPingTimeout by itself).
#pragma once

#include <memory>
#include <string>

#include <grpcpp/channel.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/channel_arguments.h>

#include "absl/time/time.h"

namespace perigee {

inline constexpr absl::Duration kPingEvery = absl::Seconds(20);
inline constexpr absl::Duration kPingTimeout = absl::Seconds(10);
inline constexpr absl::Duration kHandshakeTimeout = absl::Seconds(10);

// Keepalive, message sizes, and reconnection by gRPC itself at least every kPingEvery.
grpc::ChannelArguments ConnectionArguments();
void ConfigureServer(grpc::ServerBuilder& builder);

// A channel to a control plane at `target` (HOST:PORT), whose certificate must carry kControlPlaneName
// whatever the host is called. Goes through the proxy of HTTPS_PROXY unless NO_PROXY names the host
// (see process_setup.h).
std::shared_ptr<grpc::Channel> ConnectChannel(const std::string& target,
                                              const std::shared_ptr<grpc::ChannelCredentials>& credentials);

}  // namespace perigee
