# SPDX-License-Identifier: GPL-2.0
"""The bpf system call as far as test runs need it: pinned programs, facts about them, runs."""

import contextlib
import ctypes
import mmap
import os
import platform
import struct

SYSCALL = {
    "x86_64": 321,
    "aarch64": 280,
    "riscv64": 280,
    "loongarch64": 280,
    "s390x": 351,
    "ppc64le": 361,
}

OBJ_GET = 7
PROG_TEST_RUN = 10
OBJ_GET_INFO_BY_FD = 15

LIBC = ctypes.CDLL(None, use_errno=True)

u32, u64 = ctypes.c_uint32, ctypes.c_uint64


class ObjAttr(ctypes.Structure):
    _fields_ = [("pathname", u64), ("bpf_fd", u32), ("file_flags", u32)]


class InfoAttr(ctypes.Structure):
    _fields_ = [("bpf_fd", u32), ("info_len", u32), ("info", u64)]


class RunAttr(ctypes.Structure):
    _fields_ = [
        ("prog_fd", u32), ("retval", u32),
        ("data_size_in", u32), ("data_size_out", u32), ("data_in", u64), ("data_out", u64),
        ("repeat", u32), ("duration", u32),
        ("ctx_size_in", u32), ("ctx_size_out", u32), ("ctx_in", u64), ("ctx_out", u64),
        ("flags", u32), ("cpu", u32), ("batch_size", u32),
    ]


class ProgInfo(ctypes.Structure):
    """struct bpf_prog_info up to the field that is wanted."""
    _fields_ = [
        ("type", u32), ("id", u32), ("tag", ctypes.c_uint8 * 8),
        ("jited_prog_len", u32), ("xlated_prog_len", u32),
        ("jited_prog_insns", u64), ("xlated_prog_insns", u64), ("load_time", u64),
        ("created_by_uid", u32), ("nr_map_ids", u32), ("map_ids", u64),
        ("name", ctypes.c_char * 16), ("ifindex", u32), ("gpl_compatible", u32),
        ("netns_dev", u64), ("netns_ino", u64),
        ("nr_jited_ksyms", u32), ("nr_jited_func_lens", u32),
        ("jited_ksyms", u64), ("jited_func_lens", u64),
        ("btf_id", u32), ("func_info_rec_size", u32), ("func_info", u64),
        ("nr_func_info", u32), ("nr_line_info", u32), ("line_info", u64),
        ("jited_line_info", u64), ("nr_jited_line_info", u32), ("line_info_rec_size", u32),
        ("jited_line_info_rec_size", u32), ("nr_prog_tags", u32), ("prog_tags", u64),
        ("run_time_ns", u64), ("run_cnt", u64), ("recursion_misses", u64),
        ("verified_insns", u32), ("attach_btf_obj_id", u32),
    ]


# Size and offsets of struct xdp_md, and below of struct __sk_buff: parts of the kernel's interface.
XDP_MD_SIZE = 24
XDP_MD_DATA_END = 4
XDP_MD_INGRESS = 12

SKB_SIZE = 192
SKB_IFINDEX = 40
SKB_DATA_END = 80
SKB_GSO_SIZE = 176

SCHED_CLS = 3
XDP = 6
ROOM = 8192


def bpf(command, attr):
    ret = LIBC.syscall(SYSCALL[platform.machine()], command, ctypes.byref(attr),
                       ctypes.sizeof(attr))
    if ret < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return ret


def obj_get(path):
    name = ctypes.create_string_buffer(os.fsencode(path))
    return bpf(OBJ_GET, ObjAttr(pathname=ctypes.addressof(name)))


@contextlib.contextmanager
def mapped(path):
    """The one value of the array that is pinned at @path, as programs see it."""
    fd = obj_get(path)
    try:
        info = (u32 * 4)()  # the first fields of struct bpf_map_info
        bpf(OBJ_GET_INFO_BY_FD, InfoAttr(bpf_fd=fd, info_len=ctypes.sizeof(info),
                                         info=ctypes.addressof(info)))
        with mmap.mmap(fd, info[3]) as value:
            yield value
    finally:
        os.close(fd)


class Program:
    """A program that is pinned at @path."""

    def __init__(self, path):
        self.fd = obj_get(path)
        self.room = ctypes.create_string_buffer(ROOM)

    def close(self):
        os.close(self.fd)

    def info(self):
        info = ProgInfo()
        bpf(OBJ_GET_INFO_BY_FD, InfoAttr(bpf_fd=self.fd, info_len=ctypes.sizeof(info),
                                         info=ctypes.addressof(info)))
        return info

    def run(self, frame, ifindex, gso_size=0, linear=0, repeat=1):
        """Run on @frame as if it were at device @ifindex. Returns the verdict and the bytes.

        @gso_size makes it a packet of segments of that size, but of no type that the kernel can
        segment: that cannot be given. @linear bytes of the frame lie in the linear part of the
        packet, the rest in fragments (0: all of it); kernels before that is possible refuse. @repeat
        times it runs on what it left of the frame.
        """
        context = bytearray(SKB_SIZE)
        struct.pack_into("I", context, SKB_IFINDEX, ifindex)
        struct.pack_into("I", context, SKB_GSO_SIZE, gso_size)
        struct.pack_into("I", context, SKB_DATA_END, linear)
        data = ctypes.create_string_buffer(bytes(frame), len(frame))
        skb = ctypes.create_string_buffer(bytes(context), SKB_SIZE)
        attr = RunAttr(prog_fd=self.fd, repeat=repeat,
                       data_size_in=len(frame), data_in=ctypes.addressof(data),
                       data_size_out=ROOM, data_out=ctypes.addressof(self.room),
                       ctx_size_in=SKB_SIZE, ctx_in=ctypes.addressof(skb))
        bpf(PROG_TEST_RUN, attr)
        return ctypes.c_int32(attr.retval).value, self.room.raw[:attr.data_size_out]

    def run_xdp(self, frame, ifindex):
        """Run an XDP program on @frame as if it came from device @ifindex (0: from none). Returns the
        verdict, the metadata and the frame."""
        context = bytearray(XDP_MD_SIZE)
        struct.pack_into("I", context, XDP_MD_DATA_END, len(frame))
        struct.pack_into("I", context, XDP_MD_INGRESS, ifindex)
        data = ctypes.create_string_buffer(bytes(frame), len(frame))
        md = ctypes.create_string_buffer(bytes(context), XDP_MD_SIZE)
        attr = RunAttr(prog_fd=self.fd, repeat=1,
                       data_size_in=len(frame), data_in=ctypes.addressof(data),
                       data_size_out=ROOM, data_out=ctypes.addressof(self.room),
                       ctx_size_in=XDP_MD_SIZE, ctx_in=ctypes.addressof(md),
                       ctx_size_out=XDP_MD_SIZE, ctx_out=ctypes.addressof(md))
        bpf(PROG_TEST_RUN, attr)
        meta = struct.unpack_from("I", md.raw)[0]
        out = self.room.raw[:attr.data_size_out]
        return ctypes.c_int32(attr.retval).value, out[:meta], out[meta:]
