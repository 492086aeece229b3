# What an operator changes, before "tutti run assembly.yaml update".
{
  version = "1";
  # Numbers of the packages that this version brings anew.
  changed = [ ];
  # Roles whose service does not start.
  failing = [ ];
  ports = { db = 8081; web = 8080; };
}
