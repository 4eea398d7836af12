#include "control-plane/grpc/grpc_server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control-plane/grpc/cloud_service.h"
#include "control-plane/grpc/satellite_service.h"
#include "control-plane/grpc/worker_pool.h"
#include "shared/base/status.h"
#include "shared/rpc/connection.h"
#include "shared/rpc/credentials.h"

namespace perigee::control {
namespace {

constexpr size_t kCallsWaiting = 1024;
constexpr int kStreamsPerConnection = 64;
constexpr size_t kMemoryOfTransport = 256 << 20;

std::string Bracketed(const std::string& address, int port) {
  const bool v6 = address.find(':') != std::string::npos && address.front() != '[';
  return v6 ? absl::StrCat("[", address, "]:", port) : absl::StrCat(address, ":", port);
}

}  // namespace

std::vector<std::string> ServedMethods() {
  std::vector<std::string> methods;
  for (const char* name : {"perigee.v1.CloudService", "perigee.v1.SatelliteService"}) {
    const auto* service = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(name);
    PERIGEE_ASSERT(service != nullptr);
    for (int i = 0; i < service->method_count(); ++i) {
      methods.push_back(absl::StrCat("/", name, "/", service->method(i)->name()));
    }
  }
  return methods;
}

class GrpcServer::Impl {
 public:
  Impl(const GrpcServerOptions& options, const GrpcServerDeps& deps)
      : pool_(options.threads, kCallsWaiting),
        cloud_(deps.api, pool_),
        satellite_({deps.api, deps.hub, deps.satellites, deps.deny_list, deps.table, pool_}) {}
  ~Impl() { Stop(absl::ZeroDuration()); }

  absl::Status Listen(const GrpcServerOptions& options) {
    PERIGEE_ASSIGN_OR_RETURN(const auto credentials,
                             MutualTlsServer({options.identity_file, options.roots_file}));
    grpc::ServerBuilder builder;
    ConfigureServer(builder);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsPerConnection);
    grpc::ResourceQuota quota("control-plane");
    builder.SetResourceQuota(quota.Resize(kMemoryOfTransport));
    const std::string address = Bracketed(options.address, options.port);
    builder.AddListeningPort(address, credentials, &port_);
    builder.RegisterService(&cloud_);
    builder.RegisterService(&satellite_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port_ == 0) {
      return absl::UnavailableError(
          absl::StrCat("Cannot listen for gRPC on ", address,
                       ". Another program may use the port: ss -ltnp shows which."));
    }
    return absl::OkStatus();
  }

  void Stop(absl::Duration grace) {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(grace));
    server_->Wait();
    server_.reset();
  }

  int port() const { return port_; }

 private:
  WorkerPool pool_;
  CloudServiceServer cloud_;
  SatelliteServiceServer satellite_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(GrpcServerOptions options,
                                                              GrpcServerDeps deps) {
  PERIGEE_RETURN_IF_ERROR(Annotate(deps.table.CheckCoverage(ServedMethods()), "starting the gRPC front"));
  auto impl = std::make_unique<Impl>(options, deps);
  PERIGEE_RETURN_IF_ERROR(impl->Listen(options));
  return std::unique_ptr<GrpcServer>(new GrpcServer(std::move(impl)));
}

GrpcServer::GrpcServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
GrpcServer::~GrpcServer() = default;
int GrpcServer::port() const {
  return impl_->port();
}
void GrpcServer::Stop(absl::Duration grace) {
  impl_->Stop(grace);
}

}  // namespace perigee::control
