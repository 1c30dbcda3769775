"""The walkthrough's client on google-auth and gRPC's C core: `client.py ADDRESS AUDIENCE CA KEY IMAGE`.

Prints what the Go client prints.
"""
import sys

import grpc
from google.auth.transport.grpc import secure_authorized_channel
from google.auth.transport.requests import Request
from google.oauth2 import service_account
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

address, audience, ca, key, image = sys.argv[1:]

pool = descriptor_pool.DescriptorPool()
with open(image, "rb") as file:
    for proto in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
        pool.Add(proto)
EchoRequest = message_factory.GetMessageClass(pool.FindMessageTypeByName("echo.EchoRequest"))
EchoReply = message_factory.GetMessageClass(pool.FindMessageTypeByName("echo.EchoReply"))

credentials = service_account.IDTokenCredentials.from_service_account_file(
    key, target_audience=audience
)
with open(ca, "rb") as file:
    roots = grpc.ssl_channel_credentials(file.read())
channel = secure_authorized_channel(credentials, Request(), address, ssl_credentials=roots)
coding = (EchoRequest.SerializeToString, EchoReply.FromString)
metadata = (("sal", "value1"), ("key2", "value2"))

try:
    say_hello = channel.unary_unary("/echo.EchoServer/SayHello", *coding)
    for i in range(10):
        reply, call = say_hello.with_call(
            EchoRequest(name="unary RPC msg "), metadata=metadata, timeout=20
        )
        header, trailer = dict(call.initial_metadata()), dict(call.trailing_metadata())
        print(f"RPC {i}  {reply.message}")
        print(f"header rpcheaderkey=[{header['rpcheaderkey']}]", end=" ")
        print(f"trailer rpctrailerkey=[{trailer['rpctrailerkey']}]")
    stream = channel.unary_stream("/echo.EchoServer/SayHelloStream", *coding)(
        EchoRequest(name="Stream RPC msg"), metadata=metadata, timeout=20
    )
    for reply in stream:
        print(f"Message: {reply.message}")
    header, trailer = dict(stream.initial_metadata()), dict(stream.trailing_metadata())
    print(f"header streamheaderkey=[{header['streamheaderkey']}]", end=" ")
    print(f"trailer streamtrailerkey=[{trailer['streamtrailerkey']}]")
except grpc.RpcError as error:
    print(error.code().name, error.details())
    sys.exit(1)
