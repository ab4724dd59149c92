#!/usr/bin/perl
# The light notebook's editor: an HTTP server on what every Debian has.
#   GET  /ready  200; 503 where the environment has LIGHT_SILENT: an editor that never comes up.
#   POST /run    runs the body with sh in a child; answers what it printed, with 500 if it failed.
#   POST /main   answers, then evaluates the body as Perl in this very process, before any later request.
use strict;
use warnings;
use IO::Socket::INET;

$| = 1;
$SIG{TERM} = sub { exit 143 };
$SIG{CHLD} = 'IGNORE';
my $server = IO::Socket::INET->new(LocalPort => 8888, Listen => 64, ReuseAddr => 1) or die "cannot listen: $@";
print "listening\n";

sub answer {
    my ($client, $status, $body) = @_;
    printf $client "HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", $status, length $body, $body;
    close $client;
}

sub run {
    my ($client, $script) = @_;
    $SIG{CHLD} = 'DEFAULT';
    open my $output, '-|', 'sh', '-c', "exec 2>&1\n$script" or die "cannot run sh: $!";
    my $printed = do { local $/; <$output> } // '';
    answer($client, close($output) ? '200 OK' : '500 Failed', $printed);
}

while (1) {
    # A signal interrupts the wait.
    my $client = $server->accept or next;
    my ($method, $path) = split / /, <$client> // '';
    my $length = 0;
    while (defined(my $line = <$client>)) {
        last if $line =~ /^\r?\n$/;
        $length = $1 if $line =~ /^content-length:\s*(\d+)/i;
    }
    my $body = '';
    read $client, $body, $length if $length;
    my $to = ($method // '') . ' ' . ($path // '');
    if ($to eq 'POST /run') {
        my $child = fork // die "cannot fork: $!";
        if ($child == 0) { run($client, $body); exit }
        close $client;
    }
    elsif ($to eq 'POST /main') {
        answer($client, '200 OK', '');
        eval $body;
        print STDERR $@ if $@;
    }
    else { answer($client, $ENV{LIGHT_SILENT} ? '503 Not Ready' : '200 OK', '') }
}
