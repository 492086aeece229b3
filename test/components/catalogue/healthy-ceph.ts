/** What the hosts of a Ceph cluster in which all is well answer to the questions of its components. */
export const healthyCeph: readonly { readonly to: RegExp; readonly stdout: string }[] = [
  { to: /\bdecide\.sh/, stdout: 'f5104fee-6a41-4c38-8b86-2d3d2b7b1f4b\n' },
  { to: /\/asok'? mon_status /, stdout: 'peon\n' },
  { to: /\/asok'? status .*up:/, stdout: 'up:standby\n' },
  { to: /\/asok'? status /, stdout: 'active\n' },
  { to: /"pg stat"/, stdout: '{"pg_summary":{"num_pgs":8,"num_pg_by_state":[{"name":"active+clean","num":8}]}}' },
  { to: /"osd lspools"/, stdout: '[{"poolnum":1,"poolname":"objects"},{"poolnum":2,"poolname":"names"},{"poolnum":3,"poolname":"contents"}]' },
  { to: /"pg dump"/, stdout: '{"pg_stats":[{"pgid":"1.0","state":"active+clean"},{"pgid":"2.0","state":"active+clean"},{"pgid":"3.0","state":"active+clean"}]}' },
  { to: /"osd dump"/, stdout: '{"flags":"noout,sortbitwise"}' },
  { to: /"mgr stat"/, stdout: '{"available":true}' },
  { to: /"osd find"/, stdout: '{"crush_location":{"host":"h4"}}' },
  { to: /"fs get"/, stdout: '{"mdsmap":{"info":{"gid_1":{"state":"up:active"}}}}' },
];
