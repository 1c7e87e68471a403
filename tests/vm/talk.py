#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: talk.py answer|ask, in the guest

Requests of HTTP, PostgreSQL and DNS over the loopback device, as far as they are looked at: most are answered soon,
some late, with an error, in no known language or never. Nothing is imported that python3-minimal lacks."""
import os
import signal
import socket
import struct
import sys
import time

HTTP, POSTGRESQL, DNS = ("127.0.0.1", 8080), ("127.0.0.1", 5432), ("127.0.0.1", 5300)
STATUS = {"/broken": "503 Sorry", "/missing": "404 None"}
READY = b"Z\0\0\0\5I"
NAMES = (b"shop.example", b"nobody.example")


def answer_http(peer, text):
    path = text.split()[1].decode()
    time.sleep({"/never": 1e6, "/late": 0.3}.get(path, 0.01))
    peer.sendall(f"HTTP/1.1 {STATUS.get(path, '200 OK')}\r\nContent-Length: 400\r\n\r\n".encode() + b"x" * 400)


def message(kind, text):
    return kind + struct.pack(">I", len(text) + 4) + text


def answer_postgresql(peer, text):
    if text[:1] != b"Q":
        peer.sendall(message(b"R", b"\0\0\0\0") + READY)
        return
    word = text[5:].split()[0]
    time.sleep(0.02 if word == b"UPDATE" else 0.002)
    denied = message(b"E", b"SERROR\0C42501\0Mdenied\0\0")
    peer.sendall((denied if word == b"DELETE" else message(b"C", word + b" 1\0")) + READY)


def serve(address, answer):
    """A child for each connection, as long as it lasts."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen(20)
    while True:
        peer = listener.accept()[0]
        if os.fork():
            peer.close()
            continue
        listener.close()
        try:
            while text := peer.recv(65536):
                answer(peer, text)
        finally:
            os._exit(0)  # pylint: disable=protected-access


def serve_names():
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind(DNS)
    while True:
        text, peer = end.recvfrom(1000)
        end.sendto(text[:2] + (b"\x81\x83" if b"nobody" in text else b"\x81\x80") + text[4:], peer)


def answer_all():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for children
    if not os.fork():
        serve(HTTP, answer_http)
    if not os.fork():
        serve(POSTGRESQL, answer_postgresql)
    serve_names()


def connect(address):
    while True:
        end = socket.socket()
        if not end.connect_ex(address):
            return end
        end.close()
        time.sleep(0.5)


def get(end, path):
    end.sendall(f"GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())


def hear(end, last):
    while last not in (text := end.recv(65536)):
        if not text:
            sys.exit("nobody answers any more")


def query(end, text):
    end.sendall(message(b"Q", text + b"\0"))
    hear(end, READY)


def look_up(name, kind):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.settimeout(1)
        labels = b"".join(bytes([len(part)]) + part for part in name.split(b"."))
        end.connect(DNS)
        end.send(b"\1\2\1\0\0\1\0\0\0\0\0\0" + labels + b"\0" + struct.pack(">HH", kind, 1))
        try:
            end.recv(1000)
        except OSError:
            pass  # lost, or nobody is there yet


def ask_all():
    hanging = connect(HTTP)
    get(hanging, "/never")
    web, database = connect(HTTP), connect(POSTGRESQL)
    database.sendall(struct.pack(">II", 16, 3 << 16) + b"user\0a\0\0")
    hear(database, READY)
    turn = 0
    while True:
        turn += 1
        look_up(NAMES[turn % 10 == 0], (1, 28)[turn % 2])
        for path, every in (("/", 1), ("/a", 1), ("/late", 5), ("/broken", 7), ("/missing", 9)):
            if turn % every == 0:
                get(web, path)
                hear(web, b"x" * 100)
        for text, every in ((b"SELECT 1", 1), (b"SELECT 2", 1), (b"UPDATE t SET a = 1", 2), (b"DELETE FROM t", 6)):
            if turn % every == 0:
                query(database, text)
        if turn % 4 == 0:  # nobody waits for an answer; nobody knows what this is
            with connect(HTTP) as gone, connect(HTTP) as odd:
                get(gone, "/late")
                odd.sendall(b"\1 / \2 no protocol that anybody knows")
        time.sleep(0.5)


{"answer": answer_all, "ask": ask_all}[sys.argv[1]]()
